"""A running server with small models of known arithmetic, and with an export of digits."""

import http.client
import io
import json
import shutil

import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Options, Server
from tests.waiting import HANG

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
QUIET = Options(rest_port=0, grpc_port=0, poll=0.05)


def save_affine(path, factor, shift):
    """A SavedModel of y = factor * x + shift, x float32 [N] (as TensorFlow Serving's own half_plus_two)."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def affine(x):
        return {"y": factor * x + shift}

    tf.saved_model.save(module, str(path), signatures={"serving_default": affine.get_concrete_function()})


def save_mixed(path):
    """Several inputs and outputs: signal [N, 3] float32, tag [N] string, count [N] int64; `tag_bytes` is the tag."""
    module = tf.Module()
    specs = [
        tf.TensorSpec([None, 3], tf.float32, "signal"),
        tf.TensorSpec([None], tf.string, "tag"),
        tf.TensorSpec([None], tf.int64, "count"),
    ]

    @tf.function(input_signature=specs)
    def mixed(signal, tag, count):
        total = tf.reduce_sum(signal, 1) * tf.cast(count, tf.float32)
        return {"total": total, "tag": tag + b"!", "tag_bytes": tag, "is_big": total > 10}

    tf.saved_model.save(module, str(path), signatures={"serving_default": mixed.get_concrete_function()})


def save_half_plus_two(path):
    """As the published saved_model_half_plus_two.py: y = x / 2 + 2 (and of x2, plus 3) by all three methods."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        a, b = v1.get_variable("a", initializer=0.5), v1.get_variable("b", initializer=2.0)
        serialized = v1.placeholder(tf.string, name="tf_example")
        features = {"x": tf.io.FixedLenFeature([1], tf.float32), "x2": tf.io.FixedLenFeature([1], tf.float32, [0.0])}
        parsed = tf.io.parse_example(serialized, features)
        x = tf.identity(parsed["x"], name="x")
        y, y2 = tf.add(a * x, b, name="y"), tf.add(a * parsed["x2"], 3.0, name="y2")
        classes = tf.as_string(tf.greater(y, 3.0))
        session.run(v1.global_variables_initializer())

        def info(tensor):
            return v1.saved_model.build_tensor_info(tensor)

        def signature(inputs, outputs, method):
            return v1.saved_model.signature_def_utils.build_signature_def(inputs, outputs, method)

        examples = {"inputs": info(serialized)}
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "serving_default": signature({"x": info(x)}, {"y": info(y)}, "tensorflow/serving/predict"),
                "regress_x_to_y": signature(examples, {"outputs": info(y)}, REGRESS),
                "regress_x_to_y2": signature(examples, {"outputs": info(y2)}, REGRESS),
                REGRESS: signature(examples, {"outputs": info(y)}, REGRESS),
                "classify_x_to_y": signature(examples, {"scores": info(y)}, CLASSIFY),
                "classify_both": signature(examples, {"classes": info(classes), "scores": info(y)}, CLASSIFY),
            },
        )
        builder.save()


def png(image):
    """The file's bytes of uint8 [H, W, 3]."""
    held = io.BytesIO()
    Image.fromarray(image).save(held, format="PNG")
    return held.getvalue()


class Client:
    """HTTP without any library of ours: (status, JSON)."""

    def __init__(self, port):
        self.port = port

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text[:1] in b"{[" else text.decode()
        finally:
            connection.close()

    def predict(self, name, body):
        return self.ask("POST", f"/v1/models/{name}:predict", json.dumps(body))


@pytest.fixture(scope="session")
def served_folder(digits_served, tmp_path_factory):
    """half_plus_three 1 and 2 (x / 2 + 3, then + 30), half_plus_two 1, mixed 1, digits 1."""
    folder = tmp_path_factory.mktemp("served") / "saved_models"
    shutil.copytree(digits_served, folder)
    save_affine(folder / "half_plus_three" / "1", 0.5, 3.0)
    save_affine(folder / "half_plus_three" / "2", 0.5, 30.0)
    save_mixed(folder / "mixed" / "1")
    save_half_plus_two(folder / "half_plus_two" / "1")
    return folder


@pytest.fixture(scope="session")
def server(served_folder):
    """Serves version 1 and 2 of half_plus_three; label stable is 1."""
    import dataclasses

    configs = [
        dataclasses.replace(c, versions="all", labels={"stable": 1} if c.name == "half_plus_three" else {})
        for c in configs_below(served_folder)
    ]
    running = Server(configs, QUIET, served_folder).start()
    yield running
    running.stop()


@pytest.fixture
def client(server):
    return Client(server.rest_port)
