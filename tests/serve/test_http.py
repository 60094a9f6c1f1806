"""What HTTP has around the API: packed bodies, base64 with line breaks, pages of other origins, and other methods."""

import base64
import dataclasses
import gzip
import http.client
import json
import textwrap
import zlib

import numpy as np
import pytest

from kerasvision.serve.bodies import unpacked
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.serve.status import Code, ServingError
from kerasvision.serve.tensors import base64_content
from tests.serve.conftest import QUIET, save_affine, save_mixed

LARGEST = 200_000
ORIGIN = "https://app.example.org"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("http")
    save_affine(made / "affine" / "1", 1.0, 1.0)
    save_mixed(made / "mixed" / "1")
    return made


@pytest.fixture(scope="module")
def server(folder):
    running = Server(configs_below(folder), dataclasses.replace(QUIET, largest_body=LARGEST), folder).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def open_server(folder):
    """One that any page of `ORIGIN` may ask, with a token."""
    running = Server(configs_below(folder), dataclasses.replace(QUIET, cors=ORIGIN, token="t"), folder).start()
    yield running
    running.stop()


def ask(server, method, path, body=None, headers=()):
    """(status, headers in lower case, bytes)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def predict(server, body, coding="gzip"):
    status, _, answer = ask(server, "POST", "/v1/models/affine:predict", body, {"Content-Encoding": coding})
    return status, json.loads(answer)


BODY = json.dumps({"instances": [1.0, 2.0]}).encode()


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "identity", ""])
def test_a_packed_body_is_unpacked(server, coding):
    body = gzip.compress(BODY) if "gzip" in coding.lower() else BODY
    assert predict(server, body, coding) == (200, {"predictions": [2.0, 3.0]})


def test_a_packed_body_may_have_several_members(server):
    assert predict(server, gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])) == (200, {"predictions": [2.0, 3.0]})


WRONG = {
    "not packed": (BODY, "gzip", "the body is no gzip"),
    "empty": (b"", "gzip", "the body is no gzip that ends"),
    "cut off": (gzip.compress(BODY)[:-5], "gzip", "the body is no gzip that ends"),
    "damaged": (gzip.compress(BODY)[:-8] + b"\0" * 8, "gzip", "the body is no gzip: Error -3"),
    "more behind it": (gzip.compress(BODY) + b"more", "gzip", "the body is no gzip"),
    "zlib": (zlib.compress(BODY), "gzip", "the body is no gzip"),
    "many members": (gzip.compress(b"") * 1000, "gzip", "gzip of more than 64 members"),
    "another coding": (BODY, "br", "Content-Encoding: br is not taken; allowed: gzip, identity"),
    "two codings": (BODY, "gzip, gzip", "Content-Encoding: gzip, gzip is not taken"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_unpacked_is_said(server, case):
    body, coding, said = WRONG[case]
    status, answer = predict(server, body, coding)
    assert status == 400 and said in answer["error"]


def test_a_bomb_is_unpacked_no_further_than_a_body_may_be(server):
    """The bound holds to the byte, for what is unpacked as for what comes."""
    for size, expected in ((LARGEST, 200), (LARGEST + 1, 429)):
        status, answer = predict(server, gzip.compress(BODY + b" " * (size - len(BODY))))
        assert status == expected, answer
    packed = gzip.compress(b" " * 150_000_000)
    assert len(packed) < LARGEST
    made = 0
    with pytest.raises(StopIteration):
        pieces = unpacked(packed)
        while True:
            made = max(made, len(next(pieces)))
    assert made <= 2**18  # so that whoever counts can stop
    status, answer = predict(server, packed)
    assert status == 429 and f"a request may have {LARGEST} bytes" in answer["error"]
    assert server._rest._bodies._bytes == 0  # and nothing is held any longer
    assert predict(server, gzip.compress(BODY))[0] == 200


def test_packed_bytes_of_any_length_come_back():
    rng = np.random.default_rng(0)
    for size in (0, 1, 2**18 - 1, 2**18, 2**18 + 1, 700_000):
        for content in (rng.bytes(size), b"a" * size):
            assert b"".join(unpacked(gzip.compress(content, 1))) == content


CONTENT = bytes(range(256)) * 2 + b"\xff"
WRAPPED = "\r\n".join(textwrap.wrap(base64.b64encode(CONTENT).decode(), 76))


@pytest.mark.parametrize(
    "text", [WRAPPED, WRAPPED.replace("\r", ""), WRAPPED.rstrip("="), f" \t{WRAPPED}\n\n", WRAPPED.replace("=", ".")]
)
def test_base64_with_line_breaks_is_read(server, text):
    """As MIME writes it (RFC 2045, 6.8), and as `absl::Base64Unescape`, TensorFlow Serving's decoder, takes it."""
    assert base64_content(text) == CONTENT
    rows = {"instances": [{"signal": [1, 2, 3], "tag": {"b64": text}, "count": 1}]}
    _, _, answer = ask(server, "POST", "/v1/models/mixed:predict", json.dumps(rows))
    assert base64.b64decode(json.loads(answer)["predictions"][0]["tag_bytes"]["b64"]) == CONTENT


@pytest.mark.parametrize(
    "text",
    ["a", "aGVsbG8h=", "aGVsbG8", "aGVsbG8==", "aGVs-G8=", "aGVs_G8=", "aG=VsbG8", "aGVsbG8=a", "=", "\u20ac", "aGV\0"],
)
def test_base64_is_refused_where_that_decoder_refuses_it(text):
    refused = text not in ("aGVsbG8",)  # padding may be left out
    assert (base64_content(text) is None) == refused


def test_pages_of_another_origin_ask_where_they_may(server, open_server):
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    wanted = preflight | {"Access-Control-Request-Headers": "authorization, content-type"}
    status, headers, _ = ask(open_server, "OPTIONS", "/v1/models/affine:predict", headers=wanted)
    assert status == 200 and headers["access-control-allow-origin"] == ORIGIN  # a preflight carries no token
    assert "POST" in headers["access-control-allow-methods"]
    allowed = headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed
    for token, expected in (("t", 200), ("wrong", 401)):  # a refusal can be read by the page too
        sent = {"Origin": ORIGIN, "Authorization": f"Bearer {token}"}
        status, headers, _ = ask(open_server, "POST", "/v1/models/affine:predict", BODY, sent)
        assert status == expected and headers["access-control-allow-origin"] == ORIGIN
    foreign = {"Origin": "https://evil.example"}
    status, headers, _ = ask(open_server, "OPTIONS", "/v1/models/affine:predict", headers=preflight | foreign)
    assert status == 400 and "access-control-allow-origin" not in headers
    _, headers, _ = ask(open_server, "GET", "/healthz", headers=foreign)
    assert "access-control-allow-origin" not in headers
    _, headers, _ = ask(server, "POST", "/v1/models/affine:predict", BODY, {"Origin": ORIGIN})
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH"])
def test_a_method_that_means_nothing_is_malformed(server, method):
    status, _, answer = ask(server, method, "/v1/models/affine:predict")
    expected = f"Malformed request: {method} /v1/models/affine:predict"
    assert (status, json.loads(answer)["error"]) == (400, expected)


@pytest.mark.parametrize("path", ["/v1/models/affine", "/v1/models/affine/metadata", "/healthz", "/readyz", "/metrics"])
def test_head_is_get_without_its_body(server, path):
    got, head = ask(server, "GET", path), ask(server, "HEAD", path)
    assert head[0] == got[0] == 200 and head[2] == b"" and got[2]
    assert head[1]["content-length"] == got[1]["content-length"] or path == "/metrics"


def test_metrics_are_where_tensorflow_serving_has_them(server, open_server):
    status, headers, text = ask(server, "GET", "/monitoring/prometheus/metrics")
    assert status == 200 and headers["content-type"].startswith("text/plain")
    assert b'kerasvision_version_available{model="affine",version="1"} 1.0' in text
    assert ask(open_server, "GET", "/monitoring/prometheus/metrics")[0] == 401


def test_unpacked_says_whose_mistake_it_is():
    with pytest.raises(ServingError) as caught:
        list(unpacked(b"no gzip"))
    assert caught.value.code is Code.INVALID_ARGUMENT
