"""The server's own errors and the client's are told apart, by both protocols alike; the fuzz goes through the whole."""

import collections
import json

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kerasvision.serve import protos, rest, tensors
from kerasvision.serve.answering import Predictor
from kerasvision.serve.batching import Batching
from kerasvision.serve.models import configs_below
from kerasvision.serve.observing import Seen
from kerasvision.serve.servable import Servable
from kerasvision.serve.server import Server
from kerasvision.serve.status import ServingError
from tests.serve.conftest import QUIET, Client, save_affine, save_mixed
from tests.serve.test_protos import random_proto

SECRET = "the secret of /etc/passwd"  # noqa: S105 (what must not be told)


def save_pixels(path):
    """uint8 [N, H, W, 3] -> the mean of each; and one that reads a file that is gone when it is asked."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "image")])
    def mean(image):
        return {"mean": tf.reduce_mean(tf.cast(image, tf.float32), (1, 2, 3))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def broken(x):
        text = tf.io.read_file(tf.strings.join([SECRET, tf.strings.as_string(tf.shape(x)[0])]))
        return {"y": x + tf.cast(tf.strings.length(text), tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def choosy(x):
        with tf.control_dependencies([tf.debugging.assert_positive(x, "x must be positive")]):
            return {"y": tf.identity(x)}

    signatures = {"serving_default": mean, "broken": broken, "choosy": choosy}
    tf.saved_model.save(module, str(path), signatures={k: f.get_concrete_function() for k, f in signatures.items()})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boundary")
    save_affine(folder / "affine" / "1", 1.0, 1.0)
    save_mixed(folder / "mixed" / "1")
    save_pixels(folder / "pixels" / "1")
    running = Server(configs_below(folder), QUIET, folder).start()
    yield running
    running.stop()


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as opened:
        yield opened


@pytest.fixture
def predict(channel):
    """(name of the status, what it says) of one request of a tensor."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def ask(model, inputs, signature=""):
        asked = predict_pb2.PredictRequest()
        asked.model_spec.name, asked.model_spec.signature_name = model, signature
        for key, value in inputs.items():
            asked.inputs[key].CopyFrom(value if isinstance(value, TensorProto) else tf.make_tensor_proto(value))
        try:
            stub.Predict(asked, timeout=30)
        except grpc.RpcError as error:
            return error.code().name, error.details()
        return "OK", ""

    return ask


def bug(*args, **kwargs):
    raise ZeroDivisionError(SECRET)


PLACES = {
    "the reading of JSON": (tensors, "to_array", "rest"),
    "the stacking of rows": (tensors.np, "stack", "rest"),
    "the writing of JSON": (rest, "dump_outputs", "rest"),
    "the reading of tensors": (protos, "array_of", "grpc"),
    "the check of inputs": (Servable, "checked", "both"),
    "the queue": (Batching, "submit", "both"),
    "the graph's call": (Servable, "run", "both"),
    "what is counted": (Predictor, "_note", "both"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_mistake_of_the_server_s_own_is_internal_logged_and_not_told(server, predict, monkeypatch, capfd, place):
    where, name, of = PLACES[place]
    client = Client(server.rest_port)
    monkeypatch.setattr(where, name, bug)
    if of != "grpc":
        assert client.predict("affine", {"instances": [1.0]}) == (500, {"error": "internal error"})
        told = capfd.readouterr().err
        assert "Traceback" in told and f"ZeroDivisionError: {SECRET}" in told
    if of != "rest":
        assert predict("affine", {"x": np.float32([1])}) == ("INTERNAL", "internal error")
        told = capfd.readouterr().err
        assert "Traceback" in told and f"ZeroDivisionError: {SECRET}" in told
    monkeypatch.undo()
    assert client.predict("affine", {"instances": [1.0]})[0] == 200  # nothing has ended
    assert predict("affine", {"x": np.float32([1])})[0] == "OK"


def test_a_graph_that_fails_is_the_server_s_and_one_that_refuses_is_the_client_s(server, predict, capfd):
    client, x = Client(server.rest_port), {"x": np.float32([-1])}
    assert client.predict("pixels", {"inputs": [1.0], "signature_name": "broken"}) == (500, {"error": "internal error"})
    assert predict("pixels", x, "broken") == ("INTERNAL", "internal error")
    assert capfd.readouterr().err.count("NotFoundError") >= 2
    status, answer = client.predict("pixels", {"inputs": [-1.0], "signature_name": "choosy"})
    assert status == 400 and "x must be positive" in answer["error"]
    code, text = predict("pixels", x, "choosy")
    assert code == "INVALID_ARGUMENT" and "x must be positive" in text
    assert capfd.readouterr().err == ""


def test_a_client_s_mistake_is_its_own_by_both_protocols(server, predict, capfd):
    client = Client(server.rest_port)
    pixels = {"instances": [[[[300, 0, 0]]]]}
    status, answer = client.predict("pixels", pixels)
    assert status == 400 and "300" in answer["error"]
    wrong = tf.make_tensor_proto(np.zeros((1, 1, 1, 3), np.uint8))
    wrong.ClearField("tensor_content")
    wrong.int_val[:] = [300]
    code, text = predict("pixels", {"image": wrong})
    assert code == "INVALID_ARGUMENT" and "300 is not of the type uint8, which holds 0 to 255" in text
    assert capfd.readouterr().err == ""


def test_bytes_that_are_no_message_are_the_client_s(channel, capfd):
    methods = ["PredictionService/Predict", "PredictionService/Classify", "PredictionService/MultiInference"]
    methods += ["PredictionService/GetModelMetadata", "ModelService/GetModelStatus"]
    methods += ["ModelService/HandleReloadConfigRequest"]
    for method in methods:
        call = channel.unary_unary(f"/tensorflow.serving.{method}")
        for content in (b"\xff" * 40, b"\x0a\x7f", b"\x0a\x04\x0a\x02\xff\xfe"):
            with pytest.raises(grpc.RpcError) as caught:
                call(content, timeout=30)
            assert caught.value.code().name == "INVALID_ARGUMENT", (method, content)
    assert capfd.readouterr().err == ""


def test_what_is_said_fits_into_a_status(channel):
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "\u20ac" * 100_000
    with pytest.raises(grpc.RpcError) as caught:
        model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(asked, timeout=30)
    assert caught.value.code().name == "NOT_FOUND" and len(caught.value.details()) <= 500


LISTS = {
    "twice": (
        'config { name: "a" base_path: "a" } config { name: "a" base_path: "b" }',
        "Duplicate model names in the",
    ),
    "no name": ('config { base_path: "a" }', "a config without a name"),
    "no path": ('config { name: "a" }', "'a': base_path: got ''"),
    "a path that is none": ('config { name: "a" base_path: "b\\000c" }', "'a': base_path: got 'b\\x00c'"),
    "no version": (
        'config { name: "a" base_path: "a" model_version_policy { specific { } } }',
        "specific names no version",
    ),
    "another platform": ('config { name: "a" base_path: "a" model_platform: "torch" }', "model_platform: got 'torch'"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_that_is_wrong_is_the_client_s_and_changes_nothing(server, channel, predict, case):
    from google.protobuf import text_format

    rows, said = LISTS[case]
    asked = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(f"config {{ model_config_list {{ {rows} }} }}", asked)
    with pytest.raises(grpc.RpcError) as caught:
        model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(asked, timeout=30)
    assert caught.value.code().name == "INVALID_ARGUMENT" and said in caught.value.details()
    assert predict("affine", {"x": np.float32([1])})[0] == "OK"


def mend(message, info, rng):
    """Output a message the type and, most times, the shape and the values that a signature asks for."""
    message.dtype = info.dtype
    if rng.random() < 0.8:
        message.tensor_shape.CopyFrom(info.tensor_shape)
        size = int(rng.integers(0, 4))
        for dim in message.tensor_shape.dim:
            dim.size = size if dim.size < 0 else dim.size
        if rng.random() < 0.8:
            for field, _ in message.ListFields():
                if field.name.endswith("_val") or field.name == "tensor_content":
                    message.ClearField(field.name)


def test_four_thousand_random_requests_are_answered_or_the_client_s(server):
    """Through the server's own method, as `Boundary` calls it: nothing but a `ServingError` may come of it."""
    rng, codes = np.random.default_rng(7), collections.Counter()
    answering = server._rest._answering
    names = {"affine": ["x"], "mixed": ["signal", "tag", "count"], "pixels": ["image"]}
    for _ in range(4000):
        name = str(rng.choice(list(names)))
        messages = {key: random_proto(rng) for key in names[name]}
        try:
            with answering.predictor(Seen({}), name) as predictor:
                if rng.random() < 0.7:  # nearly right, so that some come as far as the graph
                    for key, message in messages.items():
                        mend(message, predictor.servable.inputs_of("")[key], rng)
                predictor.predict(protos.arrays_of(messages))
            codes["OK"] += 1
        except ServingError as error:
            codes[error.code.name] += 1
    assert set(codes) == {"OK", "INVALID_ARGUMENT"} and codes["OK"] > 200, codes


TOO_LARGE = ['{"instances": [1e400]}', '{"instances": [-1e400, NaN]}', '{"instances": [1' + "0" * 400 + "]}"]


@pytest.mark.parametrize("body", [*TOO_LARGE, '{"instances": [{"b64": 3}]}', '{"inputs": {"x": {}}}'])
def test_odd_json_is_the_client_s(server, body, capfd):
    status, answer = Client(server.rest_port).ask("POST", "/v1/models/affine:predict", body)
    assert status == 400 and json.dumps(answer) and capfd.readouterr().err == ""
