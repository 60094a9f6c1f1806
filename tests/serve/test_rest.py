"""The REST API against the examples of TensorFlow Serving's documentation, and what it says of requests it refuses."""

import base64
import json
import math

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.api import load


def test_the_documented_examples(client):
    """api_rest.md: predict, status, and a model that is not there."""
    body = {"instances": [1.0, 2.0, 5.0]}
    assert client.ask("POST", "/v1/models/half_plus_three/versions/1:predict", json.dumps(body)) == (
        200,
        {"predictions": [3.5, 4.0, 5.5]},
    )
    status = {"error_code": "OK", "error_message": ""}
    assert client.ask("GET", "/v1/models/half_plus_three/versions/1") == (
        200,
        {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": status}]},
    )
    assert client.ask("POST", "/v1/models/half:predict", json.dumps(body)) == (
        404,
        {"error": "Servable not found for request: Latest(half)"},
    )


def test_versions_and_labels_choose_and_the_newest_is_the_default(client):
    body = {"inputs": [1.0]}
    assert client.predict("half_plus_three", body) == (200, {"outputs": [30.5]})
    assert client.ask("POST", "/v1/models/half_plus_three/labels/stable:predict", json.dumps(body))[1] == {
        "outputs": [3.5]
    }
    assert client.ask("GET", "/v1/models/half_plus_three/labels/stable")[1]["model_version_status"][0]["version"] == "1"
    versions = client.ask("GET", "/v1/models/half_plus_three")[1]["model_version_status"]
    assert [v["version"] for v in versions] == ["2", "1"]


ROWS = [
    {"signal": [1, 2, 3.5], "tag": "foo", "count": 2},
    {"signal": [0.25, 0, 1], "tag": {"b64": base64.b64encode(b"\xff\x00").decode()}, "count": 1},
]


def test_rows_and_columns_of_several_tensors_agree(client):
    status, by_row = client.predict("mixed", {"instances": ROWS})
    assert status == 200
    first, second = by_row["predictions"]
    assert first == {"total": 13.0, "tag": "foo!", "tag_bytes": {"b64": "Zm9v"}, "is_big": True}
    assert base64.b64decode(second["tag_bytes"]["b64"]) == b"\xff\x00" and second["total"] == 1.25
    columns = {k: [row[k] for row in ROWS] for k in ROWS[0]}
    _, by_column = client.predict("mixed", {"inputs": columns, "signature_name": "serving_default"})
    assert by_column["outputs"] == {k: [first[k], second[k]] for k in first}


def test_numbers_that_are_not_finite_pass_both_ways(client):
    body = '{"instances": [NaN, Infinity, -Infinity, 1e30]}'
    _, answer = client.ask("POST", "/v1/models/half_plus_three:predict", body)
    nan, up, down, large = answer["predictions"]
    assert math.isnan(nan) and up == math.inf and down == -math.inf and large == pytest.approx(5e29)


def test_metadata_names_the_signatures(client):
    _, answer = client.ask("GET", "/v1/models/mixed/metadata")
    assert answer["model_spec"]["name"] == "mixed" and answer["model_spec"]["version"] == "1"
    held = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert held["inputs"]["count"]["dtype"] == "DT_INT64"
    assert [d["size"] for d in held["inputs"]["signal"]["tensor_shape"]["dim"]] == ["-1", "3"]


def test_an_export_answers_as_predict_does(client, served_folder):
    model = load(served_folder / "digits")
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    expected = model({"image": images})["probabilities"]
    _, answer = client.predict("digits", {"instances": images.tolist()})
    np.testing.assert_allclose(answer["predictions"], expected, atol=1e-6)
    encoded = [{"b64": base64.b64encode(tf.io.encode_png(i).numpy()).decode()} for i in images]
    _, answer = client.predict("digits", {"instances": encoded, "signature_name": "serving_bytes"})
    np.testing.assert_allclose(answer["predictions"], expected, atol=1e-6)


REFUSED = {
    "empty": ("half_plus_three", "", 400, "JSON Parse error: The document is empty"),
    "no JSON": ("half_plus_three", "{nope", 400, "JSON Parse error: Invalid value. at offset: 1"),
    "a list": ("half_plus_three", "[1]", 400, "JSON Value: [1] Is not object"),
    "no tensors": ("half_plus_three", "{}", 400, "Missing 'inputs' or 'instances' key"),
    "both": (
        "half_plus_three",
        '{"inputs": [1], "instances": [1]}',
        400,
        "expecting only one of 'inputs' or 'instances'",
    ),
    "instances no list": ("half_plus_three", '{"instances": 3}', 400, "Excepting 'instances' to be an list/array"),
    "no instances": ("half_plus_three", '{"instances": []}', 400, "No values in 'instances' array"),
    "a word": (
        "half_plus_three",
        '{"instances": ["a"]}',
        400,
        "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"a\" Type: String is "
        "not of expected type: float",
    ),
    "ragged": (
        "half_plus_three",
        '{"instances": [1.0, [2.0]]}',
        400,
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [] but got: [1]",
    ),
    "ragged columns": (
        "half_plus_three",
        '{"inputs": [[1, 2], [3]]}',
        400,
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
    ),
    "wrong rank": ("half_plus_three", '{"inputs": [[1.0]]}', 400, "Expects x to have the shape (None,) but (1, 1)"),
    "a signature": (
        "half_plus_three",
        '{"signature_name": "no", "inputs": [1]}',
        400,
        'Serving signature name: "no" not found in signature def',
    ),
    "a signature's type": (
        "half_plus_three",
        '{"signature_name": 1}',
        400,
        "'signature_name' key must be a string value",
    ),
    "a plain list for several": (
        "mixed",
        '{"instances": [1]}',
        400,
        "instances is a plain list, but expecting list of",
    ),
    "a missing key": (
        "mixed",
        '{"instances": [{"tag": "a", "count": 1}]}',
        400,
        "keys must be equal to: count,signal,tag",
    ),
    "an unknown key": (
        "mixed",
        '{"instances": [{"tag": "a", "count": 1, "signal": [1, 2, 3], "more": 1}]}',
        400,
        "Failed to process element: 0 key: more of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not "
        "have named input: more",
    ),
    "a missing column": ("mixed", '{"inputs": {"tag": ["a"]}}', 400, "Missing named input: "),
    "a float for an integer": (
        "mixed",
        '{"inputs": {"tag": ["a"], "count": [1.5], "signal": [[1, 2, 3]]}}',
        400,
        "JSON Value: 1.5 Type: Number is not of expected type: int64",
    ),
    "no base64": (
        "mixed",
        '{"inputs": {"tag": [{"b64": "*"}], "count": [1], "signal": [[1, 2, 3]]}}',
        400,
        "Unable to base64 decode",
    ),
    "a number too large": ("half_plus_three", '{"inputs": [1e300]}', 400, "without loss of precision"),
    "a pixel of 300": (
        "digits",
        '{"instances": [[[[300, 0, 0]]]]}',
        400,
        "300 Type: Number is not of expected type: uint8",
    ),
    "deep": (
        "half_plus_three",
        '{"inputs": ' + "[" * 500 + "]" * 500 + "}",
        400,
        "Encountered list at unexpected level",
    ),
    "deeper": ("half_plus_three", '{"inputs": ' + "[" * 200_000, 400, "JSON Parse error"),
    "null": ("half_plus_three", '{"inputs": null}', 400, "Type: Null is not of expected type: float"),
    "half a surrogate pair": ("mixed", '{"signature_name": "\\ud800", "inputs": [1]}', 400, "surrogate pair in string"),
    "a long word among numbers": (
        "half_plus_three",
        json.dumps({"inputs": ["x" * 100_000, *["a"] * 100_000]}),
        400,
        "Type: String is not of expected type: float",
    ),
    "a huge integer beside no number": ("half_plus_three", '{"inputs": [NaN, 1' + "0" * 400 + "]}", 400, "too big"),
    "an image that is none": (
        "digits",
        '{"signature_name": "serving_bytes", "instances": [{"b64": "aGVsbG8="}]}',
        400,
        "no JPEG, PNG",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_said(client, case):
    name, body, status, message = REFUSED[case]
    answered, answer = client.ask("POST", f"/v1/models/{name}:predict", body)
    assert answered == status and list(answer) == ["error"]
    assert message in answer["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/no", 404, "Could not find any versions of model no"),
        ("GET", "/v1/models/mixed/versions/9", 404, "Could not find version 9 of model mixed"),
        ("POST", "/v1/models/mixed/versions/9:predict", 404, "Servable not found for request: Specific(mixed, 9)"),
        ("POST", "/v1/models/mixed/labels/no:predict", 400, "Unrecognized servable version label: no"),
        ("POST", "/v1/models/mixed:explain", 400, "Malformed request: POST /v1/models/mixed:explain"),
        ("GET", "/v1/models/mixed:predict", 400, "Malformed request: GET /v1/models/mixed:predict"),
        ("POST", "/v1/models/mixed:classify", 400, "When method is classify, key 'examples' is expected"),
        ("POST", f"/v1/models/mixed/versions/{2**63}:predict", 400, "Failed to convert version"),
        ("POST", f"/v1/models/mixed/versions/{'9' * 5000}:predict", 400, "Failed to convert version"),
        ("GET", "/v1/models/..%2F..%2Fetc/metadata", 400, "Malformed request"),
    ],
)
def test_other_paths(client, method, path, status, message):
    answered, answer = client.ask(method, path, "{}" if method == "POST" else None)
    assert answered == status and message in answer["error"]


def test_health(client):
    assert client.ask("GET", "/healthz") == (200, "ok\n")
    assert client.ask("GET", "/readyz") == (200, "ready\n")
