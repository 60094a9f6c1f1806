"""What a server says of pictures that a model's signature `suspect` finds rare."""

import json
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.serve.client import Client
from kerasvision.serve.drift import LEAST, Watch
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.serve.suspicion import Suspicion, rare
from tests import store
from tests.serve.conftest import QUIET


def of_brightness(image):
    """A signature that calls the brightness of a picture its rank."""
    rank = tf.reduce_mean(tf.cast(image, tf.float32), [1, 2, 3]) / 255
    held_out = tf.fill(tf.shape(rank), 400)
    return {"disagreement_rank": rank, "mahalanobis_rank": rank * 0 + 0.5, "held_out": held_out}


def test_ordinary_pictures_are_spread_evenly_and_attacked_ones_are_told(monkeypatch):
    monkeypatch.setattr("kerasvision.serve.drift.BURST", 1e9)
    even = np.linspace(0, 255, 2 * LEAST)
    for pictures, shifted in ((even, False), (np.concatenate([even, np.full(LEAST, 255)]), True)):
        watch = Watch({}, suspicion=Suspicion(of_brightness))
        for value in pictures:
            watch.see({"image": np.full((1, 4, 4, 3), value, np.uint8)}, {})
        row = watch.report()["disagreement"]
        assert row["shifted"] is shifted and row["examples"] == len(pictures)
        brights = (np.floor(pictures) / 255 >= 0.99).mean()
        assert row["rare"] == pytest.approx(brights, abs=1e-3)
    assert rare([0.98, 0.99, 1.0, 0.0]) == 0.5


def test_a_server_answers_and_watches(digits_recipe, monkeypatch):
    monkeypatch.setattr("kerasvision.serve.drift.BURST", 1e9)  # however busy the machine is, all are looked at
    folder = store.exported(digits_recipe, ("tf_serving:suspect",), 20)[2] / "saved_models"
    server = Server(configs_below(folder), QUIET, folder).start()
    try:
        address = f"http://127.0.0.1:{server.rest_port}"
        images = np.random.default_rng(0).integers(0, 256, (LEAST, 8, 8, 3)).astype(np.uint8)
        body = json.dumps({"signature_name": "suspect", "instances": [{"image": images[0].tolist()}]}).encode()
        request = urllib.request.Request(f"{address}/v1/models/digits:predict", body)
        (row,) = json.load(urllib.request.urlopen(request))["predictions"]
        assert row["suspicious"] == (max(row["mahalanobis_rank"], row["disagreement_rank"]) >= 0.99)
        with Client(f"grpc://127.0.0.1:{server.grpc_port}") as client:
            client.predict("digits", {"image": images})
        report = json.load(urllib.request.urlopen(f"{address}/drift"))["digits/1"]
        # noise is no digit: of ordinary pictures a hundredth is that far, and of noise a fifth and more
        assert report["mahalanobis"]["shifted"] and report["mahalanobis"]["rare"] > 0.2
        text = urllib.request.urlopen(f"{address}/metrics").read().decode()
        assert 'kerasvision_rare{model="digits",statistic="mahalanobis",version="1"}' in text
    finally:
        server.stop()
