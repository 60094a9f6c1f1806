"""Who is let in, and what is too large or too slow."""

import dataclasses
import io
import socket
import subprocess

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.serve import bodies, page
from kerasvision.serve.client import Client
from kerasvision.serve.guard import check_images
from kerasvision.serve.models import configs_below
from kerasvision.serve.servable import Servable
from kerasvision.serve.server import Server
from kerasvision.serve.status import Code, ServingError
from tests.serve import conftest
from tests.waiting import HANG

X = {"x": np.float32([2])}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) of localhost, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    names = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    who = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *who]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs openssl")
    return str(folder / "certificate.pem"), str(folder / "key.pem")


@pytest.fixture
def affine(tmp_path):
    conftest.save_affine(tmp_path / "affine" / "1", 1.0, 1.0)
    return tmp_path


@pytest.fixture
def started(affine):
    """start(**options) -> a running server of the affine model."""
    running = []

    def start(**options):
        running.append(Server(configs_below(affine), dataclasses.replace(conftest.QUIET, **options), affine).start())
        return running[-1]

    yield start
    for server in running:
        server.stop()


def test_a_token_is_asked_for_by_both_protocols(started):
    server = started(token="sesame")
    for address in (f"http://127.0.0.1:{server.rest_port}", f"grpc://127.0.0.1:{server.grpc_port}"):
        for token in ("", "wrong", "sesame2"):
            with pytest.raises(ServingError, match="a bearer token is needed") as caught:
                Client(address, token=token).predict("affine", X)
            assert caught.value.code is Code.UNAUTHENTICATED
        assert next(iter(Client(address, token="sesame").predict("affine", X).values())) == [3.0]
    plain = conftest.Client(server.rest_port)
    assert plain.ask("GET", "/metrics")[0] == 401 and plain.ask("GET", "/v1/models/affine")[0] == 401
    assert plain.ask("GET", "/healthz")[0] == 200  # for a probe, which has no token


def test_tls_on_both_ports(started, certificate):
    pem, key = certificate
    server = started(certificate=pem, key=key)
    for address in (f"https://localhost:{server.rest_port}", f"grpcs://localhost:{server.grpc_port}"):
        assert next(iter(Client(address, certificate=pem).predict("affine", X).values())) == [3.0]
    with pytest.raises(ServingError, match="cannot be reached"):
        Client(f"https://localhost:{server.rest_port}", tries=1).predict("affine", X)  # not trusted


def test_a_body_too_large_is_refused_before_it_is_read(started):
    server = started(largest_body=2000)
    client = conftest.Client(server.rest_port)
    status, answer = client.predict("affine", {"instances": [1.0] * 5000})
    assert status == 429 and "a request may have 2000 bytes" in answer["error"]
    assert client.predict("affine", {"instances": [1.0]})[0] == 200


def test_a_body_without_a_length_is_bounded_too(started):
    server = started(largest_body=2000)
    head = b"POST /v1/models/affine:predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=HANG) as connection:
        connection.sendall(head + b"1000\r\n" + b"1" * 0x1000 + b"\r\n0\r\n\r\n")
        assert b" 429 " in connection.recv(1000)


def test_a_packed_message_of_grpc_is_bounded_too(started):
    """5 MB of zeros are 5 kB as gzip, and gRPC counts what it unpacks."""
    server = started(largest_body=20_000)
    channel = grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", compression=grpc.Compression.Gzip)
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with channel, pytest.raises(grpc.RpcError) as caught:
        call(b"\0" * 5_000_000, timeout=HANG)
    assert caught.value.code().name == "RESOURCE_EXHAUSTED"


def test_a_slow_body_does_not_hold_its_place_for_ever(started, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.3)
    server = started()
    head = b"POST /v1/models/affine:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=HANG) as connection:
        connection.sendall(head)
        assert b" 504 " in connection.recv(1000)  # and nothing more of the body ever comes


def test_a_small_file_of_a_huge_picture_is_refused():
    held = io.BytesIO()
    Image.new("1", (9000, 9000)).save(held, "PNG")
    assert len(held.getvalue()) < 20_000
    with pytest.raises(ServingError, match="an image may have 64,000,000 pixels"):
        check_images(np.array([held.getvalue()], object))
    bomb = io.BytesIO()
    Image.new("1", (30000, 30000)).save(bomb, "PNG")  # beyond what Pillow opens
    with pytest.raises(ServingError, match="an image may have"):
        check_images(np.array([bomb.getvalue()], object))
    for nothing in (b"no image", b""):
        with pytest.raises(ServingError, match="it is no JPEG, PNG, GIF, BMP or WebP"):
            check_images(np.array([nothing], object))
    damaged = bytearray(held.getvalue())
    damaged[33:33] = b"\0\0\0\4tEXta\0bcXXXX"  # a chunk of text with a wrong checksum, which decoders pass over
    with pytest.raises(ServingError, match="an image may have"):
        check_images(np.array([bytes(damaged)], object))
    with pytest.raises(ServingError, match="a header that cannot be read"):
        check_images(np.array([b"\xff\xd8\xff\xe0 no JPEG"], object))


@pytest.fixture
def lengths(tmp_path, monkeypatch):
    """(a server of a model of `image_bytes`, the sizes of the batches that its graph has seen)."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def length(image_bytes):
        return {"bytes": tf.strings.length(image_bytes)}

    signatures = {"serving_default": length.get_concrete_function()}
    tf.saved_model.save(module, str(tmp_path / "lengths" / "1"), signatures=signatures)
    server, seen, run = Server(configs_below(tmp_path), conftest.QUIET, tmp_path).start(), [], Servable.run

    def counted(self, inputs, signature):
        seen.append(len(inputs["image_bytes"]))
        return run(self, inputs, signature)

    monkeypatch.setattr(Servable, "run", counted)
    yield server, seen
    server.stop()


def encoded(side, mode="1"):
    held = io.BytesIO()
    Image.new(mode, (side, side)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("before", [0, 5])
def test_a_bomb_is_refused_before_the_graph_sees_it(lengths, protocol, before):
    """Alone, and behind others (more than are looked at in the thread of the event loop); 8000 x 8000 is allowed."""
    server, seen = lengths
    port = server.rest_port if protocol == "http" else server.grpc_port
    fine, bomb = [encoded(4)] * before, encoded(8001)
    with Client(f"{protocol}://127.0.0.1:{port}", tries=1) as client:
        with pytest.raises(ServingError, match="64,000,000 pixels") as caught:
            client.predict("lengths", {"image_bytes": np.array([*fine, bomb], object)})
        assert caught.value.code is Code.INVALID_ARGUMENT and seen == []
        (answer,) = client.predict("lengths", {"image_bytes": np.array([*fine, encoded(8000)], object)}).values()
        assert len(answer) == before + 1 and seen == [before + 1]


def test_a_bomb_is_not_drawn(lengths, monkeypatch):
    arch = create("classification/classifier", num_classes=3)
    monkeypatch.setattr(page, "described", lambda path, wants: (arch, ()))
    monkeypatch.setattr(page, "on_host", lambda reader: pytest.fail("it has been decoded"))
    status, answer = conftest.Client(lengths[0].rest_port).ask("POST", "/draw/lengths", encoded(8001))
    assert status == 400 and "64,000,000 pixels" in answer["error"]


def save_decoder(path):
    """A SavedModel of somebody else's: it decodes without looking, as ours of before did."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def first_pixel(image_bytes):
        def one(encoded):
            image = tf.ensure_shape(tf.io.decode_image(encoded, 3, expand_animations=False), [None, None, 3])
            return tf.cast(image[0, 0], tf.int32)

        return {"pixel": tf.map_fn(one, image_bytes, fn_output_signature=tf.TensorSpec([3], tf.int32))}

    tf.saved_model.save(module, str(path), signatures={"serving_default": first_pixel.get_concrete_function()})


def picture(kind, **options):
    noise = np.random.default_rng(5).integers(0, 256, (3, 40, 56, 3), dtype=np.uint8)
    held, (first, *others) = io.BytesIO(), map(Image.fromarray, noise)
    first.save(held, kind, **({"save_all": True, "append_images": others} if kind == "WEBP" else {}), **options)
    return held.getvalue(), noise[0, 0, 0].tolist()


def test_pictures_are_looked_at_before_any_model_decodes_them(tmp_path):
    """One request with an animated WebP would end the process, one with a huge header fill its memory."""
    save_decoder(tmp_path / "decoder" / "1")
    server = Server(configs_below(tmp_path), conftest.QUIET, tmp_path).start()
    try:
        client = Client(f"http://127.0.0.1:{server.rest_port}")
        for kind, options in (("WEBP", {"lossless": True}), ("PNG", {})):
            data, pixel = picture(kind, **options)
            (answer,) = client.predict("decoder", {"image_bytes": np.array([data], object)}).values()
            assert np.asarray(answer).tolist() == [pixel]
        bomb = io.BytesIO()
        Image.new("1", (9000, 9000)).save(bomb, "PNG")
        cut_off = picture("WEBP")[0][:60]
        for data, said in ((bomb.getvalue(), "64,000,000 pixels"), (b"words", "no JPEG, PNG"), (cut_off, "cut off")):
            with pytest.raises(ServingError, match=said) as caught:
                client.predict("decoder", {"image_bytes": np.array([data], object)})
            assert caught.value.code is Code.INVALID_ARGUMENT
    finally:
        server.stop()


def test_an_animation_becomes_its_first_frame():
    data, _ = picture("WEBP", lossless=True)
    (safe,) = check_images(np.array([data], object))
    shown = Image.open(io.BytesIO(safe))
    assert not getattr(shown, "is_animated", False)
    np.testing.assert_array_equal(
        np.asarray(shown.convert("RGB")), np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    )
    png = picture("PNG")[0]
    assert check_images(np.array([png], object))[0] == png


def test_two_servers_do_not_share_a_port(started):
    server = started()
    with pytest.raises(KerasVisionError, match=f"port {server.grpc_port} of 127.0.0.1 cannot be listened on"):
        started(grpc_port=server.grpc_port)


def test_bad_words_are_one_line(affine, capsys):
    (affine / "empty").touch()
    for words, said in (
        (["--certificate", "a.pem"], "--certificate and --key go together"),
        (["--token-file", str(affine / "none")], "cannot be read"),
        (["--token-file", str(affine / "empty")], "is empty; write the token into it"),
        (["--rest-api-port", "70000"], "--rest-api-port 70000: allowed: 0"),
        (["--cors", "example.org"], "--cors example.org: allowed: * or an origin"),
        (["--cors", "https://example.org/page"], "--cors https://example.org/page: allowed: * or an origin"),
        (["--poll", "0"], "--poll 0: seconds, more than 0"),
    ):
        assert main(["serve", str(affine), "--engine", "embedded", *words]) == 2
        assert said in capsys.readouterr().err
