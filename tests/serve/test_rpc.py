"""The gRPC API through tensorflow-serving-api's own stubs."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format, text_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from kerasvision.api import load
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from tests.serve.conftest import QUIET, save_affine


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as opened:
        yield opened


@pytest.fixture
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(name, inputs, signature="", version=None, label="", outputs=()):
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name, asked.model_spec.signature_name = name, signature
    if version is not None:
        asked.model_spec.version.value = version
    if label:
        asked.model_spec.version_label = label
    for key, value in inputs.items():
        asked.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    asked.output_filter.extend(outputs)
    return asked


def refusal(call, asked):
    with pytest.raises(grpc.RpcError) as caught:
        call(asked, timeout=30)
    return caught.value.code().name, caught.value.details()


def test_tensors_and_bytes_are_answered_as_predict_does(prediction, served_folder):
    model = load(served_folder / "digits")
    images = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    expected = model({"image": images})["probabilities"]
    answer = prediction.Predict(request("digits", {"image": images}), timeout=30)
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["probabilities"]), expected, atol=1e-6)
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("digits", 1)
    encoded = [tf.io.encode_png(i).numpy() for i in images]
    answer = prediction.Predict(request("digits", {"image_bytes": encoded}, "serving_bytes"), timeout=30)
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["probabilities"]), expected, atol=1e-6)


def test_versions_labels_and_a_filter_of_outputs(prediction):
    x = np.float32([1, 2])
    for asked, y in (({}, 30.5), ({"version": 1}, 3.5), ({"label": "stable"}, 3.5)):
        answer = prediction.Predict(request("half_plus_three", {"x": x}, **asked), timeout=30)
        assert tf.make_ndarray(answer.outputs["y"])[0] == y
    inputs = {"signal": np.ones((1, 3), np.float32), "tag": ["a"], "count": np.int64([2])}
    answer = prediction.Predict(request("mixed", inputs, outputs=("total",)), timeout=30)
    assert list(answer.outputs) == ["total"]


def test_metadata_and_status(prediction, channel):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "mixed"
    answer = prediction.GetModelMetadata(asked, timeout=30)
    held = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(held)
    assert set(held.signature_def["serving_default"].inputs) == {"signal", "tag", "count"}
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "half_plus_three"
    rows = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(asked, timeout=30).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(r.version, r.state, r.status.error_code) for r in rows] == [(2, available, 0), (1, available, 0)]


def test_what_is_refused_is_said(prediction):
    x = {"x": np.float32([1])}
    cases = [
        (request("no", x), "NOT_FOUND", "Servable not found for request: Latest(no)"),
        (request("", x), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (request("half_plus_three", x, "no"), "FAILED_PRECONDITION", 'Serving signature key "no" not found.'),
        (
            request("half_plus_three", {"z": np.float32([1])}),
            "INVALID_ARGUMENT",
            "Sent extra: {z}. Missing but required",
        ),
        (request("half_plus_three", {"x": np.int32([1])}), "INVALID_ARGUMENT", "to be float32 but int32 is provided"),
        (request("half_plus_three", {"x": np.float32([[1]])}), "INVALID_ARGUMENT", "to have the shape (None,)"),
        (request("half_plus_three", x, outputs=("z",)), "INVALID_ARGUMENT", "output tensor alias not found"),
        (request("half_plus_three", x, label="no"), "INVALID_ARGUMENT", "Unrecognized servable version label: no"),
    ]
    for asked, code, message in cases:
        found = refusal(prediction.Predict, asked)
        assert found[0] == code and message in found[1], found
    broken = request("half_plus_three", x)
    broken.inputs["x"].tensor_shape.dim[0].size = 7
    broken.inputs["x"].tensor_content = b"\0\0"
    assert refusal(prediction.Predict, broken)[0] == "INVALID_ARGUMENT"
    huge = request("half_plus_three", {})
    huge.inputs["x"].CopyFrom(tf.make_tensor_proto(1.0, shape=[1]))
    huge.inputs["x"].tensor_shape.dim[0].size = 2**27  # one value stands for all
    assert "more than 268435456 bytes" in refusal(prediction.Predict, huge)[1]
    asked = get_model_metadata_pb2.GetModelMetadataRequest()
    assert "at least one metadata_field" in refusal(prediction.GetModelMetadata, asked)[1]


def test_services_describe_themselves_as_grpcurl_asks(channel):
    """What `grpcurl -plaintext ... tensorflow.serving.ModelService/GetModelStatus` does, without its own files."""
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message_factory import GetMessageClass
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    database = ProtoReflectionDescriptorDatabase(channel)
    assert {"tensorflow.serving.ModelService", "tensorflow.serving.PredictionService"} <= set(database.get_services())
    service = DescriptorPool(database).FindServiceByName("tensorflow.serving.ModelService")
    method = service.FindMethodByName("GetModelStatus")
    asked = json_format.Parse('{"model_spec": {"name": "half_plus_three"}}', GetMessageClass(method.input_type)())
    answer = channel.unary_unary(
        f"/{service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )(asked)
    assert [row.version for row in answer.model_version_status] == [2, 1]


def test_another_list_of_models_is_taken_over(tmp_path):
    save_affine(tmp_path / "one" / "1", 1.0, 1.0)
    save_affine(tmp_path / "two" / "1", 1.0, 2.0)
    save_affine(tmp_path / "two" / "5", 1.0, 5.0)
    running = Server(configs_below(tmp_path)[:1], QUIET, tmp_path).start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}") as channel:
            management = model_service_pb2_grpc.ModelServiceStub(channel)
            text = (
                f'model_config_list {{ config {{ name: "two" base_path: "{tmp_path}/two" model_platform: "tensorflow" '
                "model_version_policy { specific { versions: 1 versions: 5 } } "
                'version_labels { key: "canary" value: 5 } version_labels { key: "stable" value: 1 } } }'
            )
            asked = model_management_pb2.ReloadConfigRequest()
            asked.config.CopyFrom(text_format.Parse(text, model_server_config_pb2.ModelServerConfig()))
            assert management.HandleReloadConfigRequest(asked, timeout=60).status.error_code == 0
            prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for label, expected in (("stable", 3.0), ("canary", 6.0)):
                answer = prediction.Predict(request("two", {"x": np.float32([1])}, label=label), timeout=30)
                assert tf.make_ndarray(answer.outputs["y"])[0] == expected
            assert refusal(prediction.Predict, request("one", {"x": np.float32([1])}))[0] == "NOT_FOUND"
            asked.config.model_config_list.config[0].base_path = "/etc"
            code, message = refusal(management.HandleReloadConfigRequest, asked)
            assert code == "PERMISSION_DENIED" and "base_path is outside" in message
    finally:
        running.stop()
