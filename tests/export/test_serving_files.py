"""What TensorFlow Serving and KServe are given, read by their own formats."""

import re

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from kerasvision.core.registry import create
from kerasvision.export.certificate import export

SERVED = "saved_models/digits/1"


@pytest.fixture(scope="module")
def out(digits_exports):
    return digits_exports[2]


@pytest.fixture(scope="module")
def requests(out):
    """The PredictRequests of the warm-up file, which is a TFRecord of PredictionLogs."""
    from tensorflow_serving.apis import prediction_log_pb2

    records = tf.data.TFRecordDataset(str(out / SERVED / "assets.extra/tf_serving_warmup_requests"))
    logs = [prediction_log_pb2.PredictionLog.FromString(r) for r in records.as_numpy_iterator()]
    assert all(log.WhichOneof("log_type") == "predict_log" for log in logs)
    return [log.predict_log.request for log in logs]


def test_models_config_is_the_server_s_own_format(out):
    from tensorflow_serving.config import model_server_config_pb2

    text = (out / "saved_models" / "models.config").read_text()
    parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    rows = [(c.name, c.base_path, c.model_platform) for c in parsed.model_config_list.config]
    assert rows == [("digits", "/models/digits", "tensorflow")]


def test_models_config_names_every_model_beside_it(digits_run, photo_model, tmp_path):
    from tensorflow_serving.config import model_server_config_pb2

    for trained in (digits_run, photo_model):
        export(trained, [create("exporters/tf_serving")], tmp_path, limit=4, verbose=False)
    text = (tmp_path / "saved_models" / "models.config").read_text()
    parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    assert [c.name for c in parsed.model_config_list.config] == ["digits", "photos"]
    assert not list((tmp_path / "saved_models").glob(".*")), "a file half written was left behind"


def test_warm_up_requests_replay_with_the_trained_model_s_answers(out, requests, digits_run):
    signature = tf.saved_model.load(str(out / SERVED)).signatures["serving_default"]
    assert len(requests) == 3
    for request in requests:
        assert request.model_spec.name == "digits" and request.model_spec.signature_name == "serving_default"
        inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        answer = signature(**{k: tf.constant(v) for k, v in inputs.items()})
        expected = digits_run.served().serve(inputs)
        np.testing.assert_allclose(answer["probabilities"], expected["probabilities"], atol=1e-6)


def test_warm_up_requests_are_real_examples(requests, digits_run):
    split = digits_run.recipe.data.open().splits["test"]
    images = [sample["image"] for sample in split.records.map(split.read).take(3).as_numpy_iterator()]
    for request, image in zip(requests, images, strict=True):
        np.testing.assert_array_equal(tf.make_ndarray(request.inputs["image"])[0], image)


def test_the_saved_model_holds_its_class_names(out):
    asset = (out / SERVED / "assets" / "labels.txt").read_text()
    assert asset.splitlines() == list("0123456789")


def test_the_saved_model_holds_no_keras_object(out):
    """It loads in a server, and in a program that has no Keras: no registered Keras type in its object graph."""
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel.FromString((out / SERVED / "saved_model.pb").read_bytes())
    kinds = {n.user_object.identifier for n in proto.meta_graphs[0].object_graph_def.nodes if n.HasField("user_object")}
    assert not [kind for kind in kinds if "keras" in kind]
    assert not (out / SERVED / "keras_metadata.pb").exists()


def test_a_batch_of_any_size_is_served(out, digits_run):
    model = tf.saved_model.load(str(out / SERVED))
    images = np.random.default_rng(0).integers(0, 256, (5, 11, 9, 3)).astype(np.uint8)
    together = model.signatures["serving_default"](image=tf.constant(images))["probabilities"]
    for number in range(5):
        alone = digits_run.served().serve({"image": images[number : number + 1]})["probabilities"]
        np.testing.assert_allclose(together[number : number + 1], alone, atol=1e-6)


def test_compose_and_kserve_files_are_yaml_and_point_at_the_model(out):
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load((out / "saved_models" / "compose.yaml").read_text())["services"]["serving"]
    assert "--model_config_file=/models/models.config" in compose["command"]
    assert compose["volumes"] == [".:/models:ro"]
    assert all(port.startswith("127.0.0.1:") for port in compose["ports"]), "open to this machine alone"
    kserve = yaml.safe_load((out / "saved_models" / "kserve" / "digits.yaml").read_text())
    assert kserve["metadata"]["name"] == "digits" and kserve["kind"] == "InferenceService"
    model = kserve["spec"]["predictor"]["model"]
    assert model["storageUri"] == "pvc://models/digits"
    assert model["readinessProbe"]["httpGet"]["path"] == "/v1/models/digits"
    assert set(model["resources"]["limits"]) == {"cpu", "memory"} and "tcpSocket" in model["livenessProbe"]
    assert set(compose["deploy"]["resources"]["limits"]) == {"cpus", "memory"} and "healthcheck" in compose


def test_the_batching_file_is_the_server_s_own_format(out):
    """Its fields, as google/protobuf/wrappers hold them; the message itself is not among the published stubs."""
    text = (out / "saved_models" / "batching.config").read_text()
    rows = dict(re.fullmatch(r"(\w+) { value: (\d+) }", line).groups() for line in text.splitlines())
    assert rows == {
        "max_batch_size": "32",
        "batch_timeout_micros": "1000",
        "num_batch_threads": "2",
        "max_enqueued_batches": "8",
    }
    assert "/models/batching.config" in (out / "saved_models" / "compose.yaml").read_text()


def test_features_are_what_the_last_layer_looks_at(out, requests, digits_run):
    loaded = tf.saved_model.load(str(out / SERVED))
    inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in requests[0].inputs.items()}
    features = loaded.signatures["serving_features"](**inputs)["features"].numpy()
    kernel, bias = digits_run.graph.get_layer("logits").get_weights()
    scores = np.exp(features @ kernel + bias)
    expected = loaded.signatures["serving_default"](**inputs)["probabilities"]
    np.testing.assert_allclose(scores / scores.sum(1, keepdims=True), expected, atol=1e-5)
