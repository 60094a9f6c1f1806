"""Indexes of the embedded server: an embedder of known arithmetic, vectors by numpy, and whoever changes the folder."""

import base64
import dataclasses
import functools
import json
import resource
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.serve.client import Client as OurClient
from kerasvision.serve.indexes import Wanted
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.serve.status import ServingError
from kerasvision.systems import index_folder
from kerasvision.systems.index import Index, drawn_pictures
from tests.serve.conftest import QUIET, Client, png, save_affine
from tests.waiting import HANG

RNG = np.random.default_rng(0)
NESTED = functools.reduce(lambda held, _: [held], range(900), [])
COLORS = [(220, 30, 30), (30, 200, 40), (40, 60, 230), (200, 190, 20), (120, 120, 120)]
PICTURES = [np.uint8(np.clip(RNG.integers(-9, 10, (12, 10, 3)) + color, 0, 255)) for color in COLORS]


def vector(pixels, sign=1.0):
    """By numpy: means of the colors and of the colors of the upper half, less gray, of length 1."""
    whole = pixels.astype(np.float64)
    raw = sign * (np.concatenate([whole.mean((0, 1)), whole[: len(whole) // 2].mean((0, 1))]) - 100.0)
    return np.float32(raw / np.linalg.norm(raw))


def save_embedder(path, sign=1.0):
    """A SavedModel with the signature `serving_bytes` that gives `vector`."""
    module = tf.Module()

    def one(encoded):
        pixels = tf.cast(tf.io.decode_png(encoded, channels=3), tf.float32)
        upper = tf.reduce_mean(pixels[: tf.shape(pixels)[0] // 2], [0, 1])
        return sign * (tf.concat([tf.reduce_mean(pixels, [0, 1]), upper], 0) - 100.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def serve(image_bytes):
        raw = tf.map_fn(one, image_bytes, fn_output_signature=tf.TensorSpec([6], tf.float32))
        return {"embedding": tf.math.l2_normalize(raw, -1)}

    signature = serve.get_concrete_function()
    tf.saved_model.save(module, str(path), signatures={"serving_bytes": signature, "serving_default": signature})


def index_of(folder, pictures=PICTURES[:4]):
    items = tuple(
        {"number": n, "path": f"{n}.png", "label": "ab"[n % 2], "time": f"2026-0{n + 1}-01"}
        for n in range(len(pictures))
    )
    drawn = np.stack([vector(one) for one in drawn_pictures()])
    index_folder.save(Index(np.stack([vector(one) for one in pictures]), items, "colors", drawn), folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexes") / "models"
    save_embedder(folder / "colors" / "1")
    save_embedder(folder / "others" / "1", -1.0)
    save_affine(folder / "affine" / "1", 1.0, 1.0)
    return folder


@pytest.fixture
def serving(models):
    """A function: (indexes, writable) -> `Client` of a server that is stopped at the end."""
    started = []

    def serve(*wanted, writable=False):
        options = dataclasses.replace(QUIET, indexes=wanted, writable=writable)
        started.append(Server(configs_below(models), options, models).start())
        return Client(started[-1].rest_port)

    yield serve
    for server in started:
        server.stop()


def encoded(*pictures):
    return [{"b64": base64.b64encode(png(one)).decode()} for one in pictures]


def post(client, verb, **document):
    return client.ask("POST", f"/v1/indexes/shop:{verb}", json.dumps(document))


def test_the_nearest_are_those_of_the_largest_dot_products(serving, tmp_path):
    client = serving(Wanted(index_of(tmp_path / "shop.index"), "colors"))
    status, answer = post(client, "search", instances=encoded(PICTURES[4], PICTURES[2]), top=3)
    assert status == 200
    held = np.stack([vector(one) for one in PICTURES[:4]])
    for row, asked in zip(answer["results"], (PICTURES[4], PICTURES[2]), strict=True):
        cosines = held @ vector(asked)
        order = np.argsort(-cosines, kind="stable")[:3]
        assert [item["number"] for item in row] == order.tolist()
        np.testing.assert_allclose([item["cosine"] for item in row], cosines[order], atol=2e-6)
    assert answer["results"][1][0] | {"cosine": 0} == {
        "number": 2,
        "path": "2.png",
        "label": "a",
        "time": "2026-03-01",
        "cosine": 0,
    }
    status, answer = post(client, "search", instances=encoded(PICTURES[0]), label="b", top=2)
    assert [item["number"] for item in answer["results"][0]] in ([1, 3], [3, 1])
    row = {"name": "shop", "model": "colors", "items": 4, "dimension": 6, "writable": False}
    assert client.ask("GET", "/v1/indexes") == (200, {"indexes": [row]})
    assert client.ask("GET", "/v1/indexes/shop") == (200, row)


def test_the_client_searches_and_says_what_is_refused(serving, tmp_path):
    port = serving(Wanted(index_of(tmp_path / "shop.index"), "colors")).port
    with OurClient(f"http://127.0.0.1:{port}") as client:
        first, second = client.search("shop", [png(PICTURES[1]), png(PICTURES[3])], top=2, label="b")
        assert (first[0]["number"], second[0]["number"]) == (1, 3)
        assert first[0]["cosine"] == pytest.approx(1, abs=1e-5)
        with pytest.raises(ServingError, match="no index bazaar; there are: shop"):
            client.search("bazaar", [png(PICTURES[1])])
    with pytest.raises(UsageError, match="indexes are searched over REST"):
        OurClient("grpc://127.0.0.1:1").search("shop", [b"a"])
    for asked in ({}, {"pictures": [b"a"], "texts": ["b"]}):
        with pytest.raises(UsageError, match="search takes pictures or texts, one or more"):
            OurClient("http://127.0.0.1:1").search("shop", **asked)


def test_pictures_are_added_and_removed_and_stay_so(serving, tmp_path):
    folder = index_of(tmp_path / "shop.index")
    client = serving(Wanted(folder, "colors"), writable=True)
    items = [{"path": "gray.png", "label": "gray"}]
    assert post(client, "add", instances=encoded(PICTURES[4]), items=items) == (200, {"numbers": [4]})
    status, answer = post(client, "search", instances=encoded(PICTURES[4]), top=1)
    assert (status, answer["results"][0][0]["path"]) == (200, "gray.png")
    status, answer = post(client, "add", instances=encoded(PICTURES[4]), items=items)
    assert status == 400 and "gray.png is in the index" in answer["error"]
    assert post(client, "remove", paths=["2.png", "gray.png"]) == (200, {"numbers": [2, 4]})
    status, answer = post(client, "search", instances=encoded(PICTURES[2]), top=3)
    assert "2.png" not in [item["path"] for item in answer["results"][0]]
    assert index_folder.load(folder).size == 3, "on the disk as soon as it was said"
    with pytest.raises(KerasVisionError, match="another process writes"), index_folder.writing(folder):
        pass


def test_what_another_process_changes_is_seen(serving, tmp_path, capfd):
    folder = index_of(tmp_path / "shop.index")
    client = serving(Wanted(folder, "colors"))
    with index_folder.writing(folder) as writer:
        writer.add([({"path": "gray.png"}, vector(PICTURES[4]))])
    ends = time.monotonic() + HANG
    while client.ask("GET", "/v1/indexes/shop")[1]["items"] != 5:
        assert time.monotonic() < ends
    assert post(client, "search", instances=encoded(PICTURES[4]), top=1)[1]["results"][0][0]["path"] == "gray.png"
    content = (folder / "index.json").read_text()
    (folder / "index.json").write_text("{")
    assert client.ask("GET", "/v1/indexes/shop")[1]["items"] == 5, "the last that was whole goes on"
    assert capfd.readouterr().err.count("index shop goes on as it was: the index") == 1
    (folder / "index.json").write_text(content)
    with index_folder.writing(folder) as writer:
        writer.remove(["gray.png"])
    assert client.ask("GET", "/v1/indexes/shop")[1]["items"] == 4


@pytest.mark.parametrize(
    ("verb", "document", "code", "words"),
    [
        ("search", {}, 400, "Missing 'inputs' or 'instances' key"),
        ("search", {"instances": []}, 400, "No values"),
        ("search", {"instances": encoded(PICTURES[0]), "top": 0}, 400, "'top' is 0; allowed: 1 to 1000"),
        ("search", {"instances": encoded(PICTURES[0]), "top": 1001}, 400, "allowed: 1 to 1000"),
        ("search", {"instances": encoded(PICTURES[0]), "top": 5}, 400, "the 5 nearest of 4 items; allowed: 1 to 4"),
        ("search", {"instances": encoded(PICTURES[0]), "label": 3}, 400, "'label' must be a text"),
        ("search", {"instances": encoded(PICTURES[0]), "path": "?" * 1001}, 400, "must be a text of at most 1000"),
        ("search", {"instances": encoded(PICTURES[0]), "top": NESTED}, 400, "'top' is [[[["),
        ("search", {"instances": [{"b64": "bm8="}]}, 400, "cannot be decoded"),
        ("add", {"instances": encoded(PICTURES[0]), "items": []}, 400, "'items' must be a list of objects"),
        ("add", {"instances": encoded(PICTURES[0]), "items": [{"path": "a"}] * 2}, 400, "has 2 objects for 1 pictures"),
        ("add", {"instances": encoded(PICTURES[0]), "items": [{"path": "a" * 1001}]}, 400, "at most 1000 characters"),
        ("add", {"instances": encoded(PICTURES[0]), "items": [{"label": "a"}]}, 400, "is no item; it has a 'path'"),
        ("add", {"instances": encoded(PICTURES[0]), "items": [{"path": "a\n"}]}, 400, "is no item"),
        ("remove", {"paths": ["no.png"]}, 400, "no.png is not in the index"),
        ("remove", {"paths": []}, 400, "'paths' must be a list of texts"),
    ],
)
def test_what_cannot_be_is_one_line(bad, verb, document, code, words):
    status, answer = post(bad, verb, **document)
    assert status == code and words in answer["error"] and "\n" not in answer["error"]


@pytest.fixture(scope="module")
def bad(models, tmp_path_factory):
    wanted = Wanted(index_of(tmp_path_factory.mktemp("bad") / "shop.index"), "colors")
    server = Server(configs_below(models), dataclasses.replace(QUIET, indexes=(wanted,), writable=True), models).start()
    yield Client(server.rest_port)
    server.stop()


def test_another_embedder_is_refused_and_so_is_what_is_none(serving, tmp_path):
    folders = [index_of(tmp_path / name) for name in ("shop.index", "b.index", "c.index")]
    client = serving(*map(Wanted, folders, ("others", "affine", "nobody")))
    status, answer = post(client, "search", instances=encoded(PICTURES[0]), top=1)
    assert status == 400 and "others version 1 is another embedder than colors" in answer["error"]
    body = json.dumps({"instances": encoded(PICTURES[0])})
    status, answer = client.ask("POST", "/v1/indexes/b:search", body)
    assert status == 400 and "affine has no signature serving_bytes" in answer["error"]
    assert client.ask("POST", "/v1/indexes/c:search", body)[0] == 404
    status, answer = client.ask("POST", "/v1/indexes/d:search", body)
    assert status == 404 and "no index d; there are: shop, b, c" in answer["error"]
    status, answer = post(client, "add", instances=encoded(PICTURES[0]), items=[{"path": "a"}])
    assert status == 403 and "start the server with --writable" in answer["error"]
    assert client.ask("GET", "/v1/indexes/shop:search")[0] == 400


def test_flags_that_do_not_fit(tmp_path, models, capsys):
    assert main(["serve", str(models), "--index", "shop.index"]) == 2
    assert "write INDEX=MODEL" in capsys.readouterr().err
    for words in (["--writable"], ["--writable", "--index", f"{tmp_path}=colors"]):
        assert main(["serve", str(models), *words]) == 2
        assert "--writable goes with --index INDEX=MODEL and --token-file FILE" in capsys.readouterr().err
    assert main(["serve", str(models), "--index", f"{tmp_path}=colors", "--port", "0", "--rest-api-port", "0"]) == 2
    assert "has no index.json" in capsys.readouterr().err


def test_another_embedder_is_never_compared_whatever_comes_later(models, serving, tmp_path):
    """A second version of the model, and an index that is built again by another embedder while the server runs."""
    folder, own = index_of(tmp_path / "shop.index"), tmp_path / "models"
    save_embedder(own / "colors" / "1")
    save_embedder(own / "colors" / "2", -1.0)
    configs = [dataclasses.replace(c, versions="all") for c in configs_below(own)]
    server = Server(configs, dataclasses.replace(QUIET, indexes=(Wanted(folder, "colors"),)), own).start()
    try:
        status, answer = post(Client(server.rest_port), "search", instances=encoded(PICTURES[0]), top=1)
        assert status == 400 and "colors version 2 is another embedder" in answer["error"]
    finally:
        server.stop()
    client = serving(Wanted(folder, "colors"))
    assert post(client, "search", instances=encoded(PICTURES[0]), top=1)[0] == 200
    shutil.rmtree(folder)
    held = np.stack([vector(one, -1.0) for one in PICTURES[:2]])
    drawn = np.stack([vector(one, -1.0) for one in drawn_pictures()])
    index_folder.save(Index(held, ({"path": "a"}, {"path": "b"}), "other", drawn), folder)
    status, answer = post(client, "search", instances=encoded(PICTURES[0]), top=1)
    assert status == 400 and "colors version 1 is another embedder than other" in answer["error"]


def test_vectors_that_are_no_numbers_are_refused(serving, models, tmp_path):
    save_embedder(models / "nothing" / "1", float("nan"))
    client = serving(Wanted(index_of(tmp_path / "shop.index"), "nothing"))
    status, answer = post(client, "search", instances=encoded(PICTURES[0]), top=1)
    assert status == 400 and "numbers that are not finite" in answer["error"]


def test_a_file_that_is_shortened_ends_no_server(serving, tmp_path):
    folder = index_of(tmp_path / "shop.index")
    client = serving(Wanted(folder, "colors"))
    (folder / "vectors.npy").write_bytes(b"")
    status, answer = post(client, "search", instances=encoded(PICTURES[1]), top=1)
    assert (status, answer["results"][0][0]["number"]) == (200, 1)


def test_a_change_that_cannot_be_written_is_no_change(serving, tmp_path):
    """A file may not grow: what is half written is taken back, and the next change follows the last whole one."""
    folder = index_of(tmp_path / "shop.index")
    client = serving(Wanted(folder, "colors"), writable=True)
    assert post(client, "remove", paths=["0.png"])[0] == 200
    size = (folder / "journal.jsonl").stat().st_size
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
    try:
        status, answer = post(client, "remove", paths=["1.png"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert status == 400 and "was not changed" in answer["error"]
    assert post(client, "remove", paths=["1.png"]) == (200, {"numbers": [1]})
    assert [item["path"] for item in index_folder.load(folder).items if item] == ["2.png", "3.png"]


@pytest.mark.parametrize("name", ["..index", "a b.index", "a:b.index", ".index"])
def test_a_name_that_no_address_has_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="name its folder by letters and digits"):
        Wanted(tmp_path / name, "colors").name  # noqa: B018 (it raises)
    assert Wanted(tmp_path / "a-b.1.index", "colors").name == "a-b.1"
