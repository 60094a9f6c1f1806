"""A running server with small models of known arithmetic, and with an export of digits."""

import http.client
import io
import json

import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.export.base import from_spec
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Options, Server

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
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
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
def served_folder(digits_run, tmp_path_factory):
    """half_plus_three 1 and 2 (x / 2 + 3, then + 30), mixed 1, digits 1."""
    from kerasvision.export.certificate import export

    out = tmp_path_factory.mktemp("served")
    export(digits_run, [from_spec("tf_serving")], out, limit=20, verbose=False)
    folder = out / "saved_models"
    save_affine(folder / "half_plus_three" / "1", 0.5, 3.0)
    save_affine(folder / "half_plus_three" / "2", 0.5, 30.0)
    save_mixed(folder / "mixed" / "1")
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
