"""The client against the server over both protocols, and against servers that are away, slow or full."""

import http.server
import threading

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.api import load
from kerasvision.core.errors import UsageError
from kerasvision.serve.client import Client
from kerasvision.serve.status import Code, ServingError
from tests.waiting import HANG


@pytest.fixture(params=["rest", "grpc"])
def client(request, server):
    address = (
        f"http://127.0.0.1:{server.rest_port}" if request.param == "rest" else f"grpc://127.0.0.1:{server.grpc_port}"
    )
    with Client(address) as opened:
        yield opened


def test_both_protocols_answer_as_predict_does(client, served_folder):
    images = np.random.default_rng(2).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    expected = load(served_folder / "digits")({"image": images})["probabilities"]
    (found,) = client.predict_many("digits", {"image": images}, batch=2).values()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    encoded = [tf.io.encode_png(i).numpy() for i in images]
    (found,) = client.predict("digits", {"image_bytes": encoded}, signature="serving_bytes").values()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (found,) = client.predict("half_plus_three", {"x": np.float32([2])}, label="stable").values()
    assert found == [4.0]


def test_errors_have_the_server_s_code_and_words(client):
    with pytest.raises(ServingError, match="Servable not found for request: Specific") as caught:
        client.predict("digits", {"image": np.zeros((1, 8, 8, 3), np.uint8)}, version=7)
    assert caught.value.code is Code.NOT_FOUND


def test_metrics_count_requests_errors_and_batches(server):
    import urllib.request

    address = f"http://127.0.0.1:{server.rest_port}"
    Client(address).predict("half_plus_three", {"x": np.float32([2])}, version=1)
    with pytest.raises(ServingError):
        Client(address).predict("half_plus_three", {"x": np.float32([2])}, version=9)
    text = urllib.request.urlopen(f"{address}/metrics").read().decode()
    assert 'kerasvision_requests_total{api="rest",code="OK",model="half_plus_three",version="1"}' in text
    assert 'kerasvision_requests_total{api="rest",code="NOT_FOUND",model="",version=""}' in text
    assert 'kerasvision_version_available{model="digits",version="1"} 1.0' in text
    assert "kerasvision_batch_size_bucket" in text and "kerasvision_waiting 0.0" in text


class Moody(http.server.BaseHTTPRequestHandler):
    """Refuses as often as the server's `refusals` say, then answers; only while it is `awake`."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.headers.get("Authorization"))
        self.server.awake.wait(HANG)
        status = self.server.refusals.pop(0) if self.server.refusals else 200
        body = b'{"outputs": [1.0]}' if status == 200 else b'{"error": "not now"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture
def moody():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    server.refusals, server.awake, server.seen = [], threading.Event(), []
    server.awake.set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def asked(server, **fields):
    return Client(f"http://127.0.0.1:{server.server_port}", pause=0.01, **fields).predict("m", {"x": np.ones(1)})


def test_a_full_server_is_asked_again_and_a_wrong_request_is_not(moody):
    moody.refusals = [503, 429]
    assert asked(moody, token="secret")["outputs"] == [1.0]
    assert moody.seen == ["Bearer secret"] * 3
    moody.refusals, moody.seen = [400], []
    with pytest.raises(ServingError, match="not now"):
        asked(moody)
    assert len(moody.seen) == 1
    moody.refusals, moody.seen = [503] * 9, []
    with pytest.raises(ServingError, match="not now") as caught:
        asked(moody, tries=3)
    assert caught.value.code is Code.UNAVAILABLE and len(moody.seen) == 3


def test_a_slow_server_costs_the_deadline_and_no_more(moody):
    moody.awake.clear()  # it never answers, so whoever waits for it does not come back
    with pytest.raises(ServingError, match="did not answer") as caught:
        asked(moody, deadline=0.3)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    moody.awake.set()


def test_nobody_there_is_said():
    with pytest.raises(ServingError, match="cannot be reached") as caught:
        Client("http://127.0.0.1:9", tries=2, pause=0.01).predict("m", {"x": np.ones(1)})
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize("words", [{"address": "localhost:8501"}, {"address": "http://localhost", "share": 2.0}])
def test_a_wrong_client_is_said_at_once(words):
    with pytest.raises(UsageError, match="an address begins with|allowed: 0 to 1"):
        Client(**words)


def test_a_canary_gets_its_share(server):
    """Version 1 of half_plus_three answers 3.5 for 1, version 2, the newest, 30.5; `stable` is version 1."""
    for scheme, port in (("http", server.rest_port), ("grpc", server.grpc_port)):
        with Client(f"{scheme}://127.0.0.1:{port}", canary="stable", share=0.25) as client:
            answers = [
                next(iter(client.predict("half_plus_three", {"x": np.float32([1])}).values())) for _ in range(200)
            ]
            share = np.mean(np.ravel(answers) == 3.5)
            assert set(np.ravel(answers)) == {3.5, 30.5} and abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 200)
            pinned = client.predict("half_plus_three", {"x": np.float32([1])}, version=2)
            assert next(iter(pinned.values())) == [30.5]
        with Client(f"{scheme}://127.0.0.1:{port}", canary="no such label", share=1.0) as client:
            assert next(iter(client.predict("half_plus_three", {"x": np.float32([1])}).values())) == [30.5]


def test_connections_are_kept_and_opened_again(server):
    client = Client(f"http://127.0.0.1:{server.rest_port}")
    for _ in range(2):
        assert client.predict("half_plus_three", {"x": np.float32([1])})["outputs"] == [30.5]
        assert client._pool is client._pool
        client.close()
