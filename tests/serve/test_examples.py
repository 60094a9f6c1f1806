"""Classify, Regress and MultiInference, on TensorFlow Serving's own example model half_plus_two."""

import grpc
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from tests.serve.conftest import CLASSIFY, QUIET, REGRESS, Client, save_half_plus_two


@pytest.fixture(scope="module")
def half_plus_two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    save_half_plus_two(folder / "half_plus_two" / "00000123")
    running = Server(configs_below(folder), QUIET, folder).start()
    yield running
    running.stop()


@pytest.fixture
def client(half_plus_two):
    return Client(half_plus_two.rest_port)


@pytest.fixture
def stub(half_plus_two):
    with grpc.insecure_channel(f"127.0.0.1:{half_plus_two.grpc_port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def test_a_folder_with_leading_zeros_is_a_version(client):
    status, answer = client.ask("GET", "/v1/models/half_plus_two")
    assert status == 200 and answer["model_version_status"][0]["version"] == "123"
    assert client.ask("POST", "/v1/models/half_plus_two:predict", '{"instances": [[1.0], [2.0], [5.0]]}')[1] == {
        "predictions": [[2.5], [3.0], [4.5]]
    }


def test_the_documented_regress_example(client):
    body = '{"signature_name": "tensorflow/serving/regress", "examples": [{"x": 1.0}, {"x": 2.0}]}'
    assert client.ask("POST", "/v1/models/half_plus_two:regress", body) == (200, {"results": [2.5, 3.0]})


def test_classify_gives_labels_and_scores_and_a_context_is_of_all(client):
    body = '{"signature_name": "classify_both", "context": {"x2": 4.0}, "examples": [{"x": 1.0}, {"x": [4.0]}]}'
    answer = {"results": [[["false", 2.5]], [["true", 4.0]]]}
    assert client.ask("POST", "/v1/models/half_plus_two:classify", body) == (200, answer)
    body = (
        '{"signature_name": "regress_x_to_y2", "context": {"x2": 4.0}, "examples": [{"x": 1.0}, {"x": 1.0, "x2": 0.0}]}'
    )
    assert client.ask("POST", "/v1/models/half_plus_two:regress", body) == (200, {"results": [5.0, 3.0]})


REFUSED = {
    "no examples": ("regress", "{}", "When method is classify, key 'examples' is expected and was not found"),
    "no list": ("regress", '{"examples": 3}', "Expecting 'examples' value to be an list/array"),
    "an empty list": ("regress", '{"examples": []}', "'examples' value is an empty array"),
    "no object": ("regress", '{"examples": [3]}', "Example must be JSON object but got JSON Number"),
    "nothing": ("regress", '{"examples": [{"x": null}]}', "Feature: x has element with unexpected JSON type: Null"),
    "nested": ("regress", '{"examples": [{"x": [[1.0]]}]}', "Feature: x has element with unexpected JSON type: Array"),
    "mixed": (
        "regress",
        '{"examples": [{"x": [1.0, 2]}]}',
        "Unexpected element type in feature: x expecting type: float",
    ),
    "too large": (
        "regress",
        '{"examples": [{"x": 9223372036854775808}]}',
        "Feature: x has uint64 element. Only int64 is supported.",
    ),
    "no base64": ("regress", '{"examples": [{"x": {"b64": "?"}}]}', "Unable to base64 decode feature: x"),
    "another method": (
        "classify",
        '{"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}]}',
        f"Expected classification signature method_name to be {CLASSIFY}. Was: {REGRESS}",
    ),
    "no signature": (
        "regress",
        '{"signature_name": "no", "examples": [{"x": 1.0}]}',
        "No signature was found with the name: no",
    ),
    "another type": (
        "regress",
        '{"signature_name": "regress_x_to_y", "examples": [{"x": "a"}]}',
        "Data types don't match. Data type: string",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_said(client, case):
    verb, body, message = REFUSED[case]
    status, answer = client.ask("POST", f"/v1/models/half_plus_two:{verb}", body)
    assert status == 400 and message in answer["error"]


def examples(*values):
    held = input_pb2.Input()
    for value in values:
        held.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    return held


def test_grpc_classifies_and_regresses(stub):
    asked = classification_pb2.ClassificationRequest(input=examples(1.0, 4.0))
    asked.model_spec.name, asked.model_spec.signature_name = "half_plus_two", "classify_both"
    answer = stub.Classify(asked, timeout=30)
    assert [[(c.label, c.score) for c in row.classes] for row in answer.result.classifications] == [
        [("false", 2.5)],
        [("true", 4.0)],
    ]
    assert (answer.model_spec.version.value, answer.model_spec.signature_name) == (123, "classify_both")
    asked = regression_pb2.RegressionRequest(input=examples(1.0, 4.0))
    asked.model_spec.name, asked.model_spec.signature_name = "half_plus_two", "regress_x_to_y"
    assert [row.value for row in stub.Regress(asked, timeout=30).result.regressions] == [2.5, 4.0]
    with pytest.raises(grpc.RpcError, match="Input is empty"):
        asked.input.Clear()
        stub.Regress(asked, timeout=30)


def tasks(*wanted):
    asked = inference_pb2.MultiInferenceRequest(input=examples(1.0, 4.0))
    for name, signature, method in wanted:
        task = asked.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = name, signature
    return asked


def test_one_request_for_two_signatures(stub):
    name = "half_plus_two"
    answer = stub.MultiInference(
        tasks((name, "regress_x_to_y2", REGRESS), (name, "classify_x_to_y", CLASSIFY)), timeout=30
    )
    first, second = answer.results
    assert [row.value for row in first.regression_result.regressions] == [3.0, 3.0]
    assert [row.classes[0].score for row in second.classification_result.classifications] == [2.5, 4.0]
    assert first.model_spec.signature_name == "regress_x_to_y2" and second.model_spec.version.value == 123


@pytest.mark.parametrize(
    ("wanted", "code", "message"),
    [
        ([], "INVALID_ARGUMENT", "Inference request contains no tasks."),
        ([("", "a", REGRESS)], "INVALID_ARGUMENT", "Found ModelSpec with an empty model name."),
        ([("a", "x", REGRESS), ("b", "y", REGRESS)], "INVALID_ARGUMENT", "must access the same model name."),
        ([("a", "x", REGRESS), ("a", "x", REGRESS)], "INVALID_ARGUMENT", "Duplicate evaluation of signature: x"),
        ([("half_plus_two", "no", REGRESS)], "INVALID_ARGUMENT", "Requested signature not found in model graph: no"),
        ([("a", "", "predict")], "UNIMPLEMENTED", "Unsupported signature method_name: predict"),
    ],
)
def test_what_multi_inference_refuses(stub, wanted, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        stub.MultiInference(tasks(*wanted), timeout=30)
    assert (caught.value.code().name, message in caught.value.details()) == (code, True)
