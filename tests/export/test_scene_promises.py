"""Pixels with promises inside of files: thresholds of a file's own scores, fitted again by hand."""

import dataclasses

import numpy as np
import pytest

from kerasvision.api import load
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.edge import open_client
from kerasvision.export.light import light_model
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.tasks.pixel_sets import PixelSets
from tests.export.scene_promises import answers, drawn, promising, written
from tests.serve.conftest import QUIET, Client, png

pytestmark = pytest.mark.nightly  # by day: what a promise is, of classes, in test_promises.py

SPECS = ("saved_model", "tflite:int8", "onnx")


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    shapes = drawn(tmp_path_factory.mktemp("shapes"))
    backbone = create("backbones/unet_encoder", width=4, depth=2)
    model = create("semantic_segmentation/unet", image_size=(32, 32), width=4, backbone=backbone)
    model = dataclasses.replace(model, resize="letterbox", pixel_sets=PixelSets(0.8))
    trained = promising("pixels", model, create("sources/semantic", of=shapes))
    return written(trained, SPECS, tmp_path_factory.mktemp("pixels"))


@pytest.mark.parametrize("spec", SPECS)
def test_a_segmenters_file_holds_its_own_promise(segmenter, spec):
    """By hand: the mean share of an image's foreground that its own answers keep, on the validation split."""
    trained, rows, paths, _ = segmenter
    promise, shares = rows[spec]["promise"], []
    for found, truth, _ in answers(trained, paths[spec], "validation"):
        np.testing.assert_array_equal(found["least_probability"], np.float32(promise["thresholds"] * 3))
        mask = truth["mask"]
        sure = np.take_along_axis(found["may_be"], found["mask"][..., None].astype(int), -1)[..., 0]
        np.testing.assert_array_equal(sure, found["confidence"] >= np.float32(promise["thresholds"][0]))
        if (mask > 0).any():
            kept = np.take_along_axis(found["may_be"], mask[..., None].astype(int), -1)[mask > 0]
            shares.append(kept.mean())
    size = len(shares)
    assert (size * (1 - np.mean(shares)) + 1) / (size + 1) <= 0.2 + 1e-6
    assert promise["kind"] == "pixel_set" and promise["of"] == "an image's foreground"
    assert 0 <= promise["with_the_trained_model"] <= 1
    assert {"coverage", "set_size"} <= rows[spec]["metrics"].keys()
    gives = "may_be" if spec == "saved_model" else "probabilities"
    assert {"least_probability", gives} <= rows[spec]["outputs"].keys()


def test_float_files_say_what_the_trained_model_says(segmenter):
    trained, rows, _, _ = segmenter
    own = trained.arch.pixel_sets.thresholds
    for spec in ("saved_model", "onnx"):
        assert rows[spec]["promise"]["thresholds"] == pytest.approx(own, rel=0.02)  # of neighboring levels


def test_clients_without_tensorflow_say_the_same(segmenter):
    trained, rows, paths, _ = segmenter
    image = next(iter(raw_examples(splits_of(trained.recipe)["test"], trained.arch, batch_size=1)))[0]["image"][0]
    for spec in ("tflite:int8", "onnx"):
        whole, client = load(paths[spec]).predict(image), open_client(paths[spec])
        values = client.predict(image)
        assert (values["may_be"] != whole["may_be"]).mean() < 0.001  # where two ways to enlarge round apart
        said = client.describe(values)["may_be"]
        assert said["coverage"] == 0.8 and said["of"] == "an image's foreground"
        assert "; to hold 80 % of an image's foreground: " in whole.in_words()
        light = light_model(paths[spec])
        assert light.arch.describe(values, trained.classes)["may_be"] == said
        assert rows[spec]["restore"]["may_be_from"] == "least_probability"


def test_the_served_answer_names_the_promise(segmenter):
    trained, _, _, out = segmenter
    image = next(iter(raw_examples(splits_of(trained.recipe)["test"], trained.arch, batch_size=1)))[0]["image"]
    server = Server(configs_below(out / "saved_models"), QUIET, out / "saved_models").start()
    try:
        client = Client(server.rest_port)
        status, given = client.predict("pixels", {"inputs": {"image": image.tolist()}})
        _, drawn = client.ask("POST", "/draw/pixels", png(image[0]))
    finally:
        server.stop()
    assert status == 200 and np.shape(given["outputs"]["may_be"]) == (*image.shape[:3], 3)
    assert drawn["answer"]["may_be"]["coverage"] == 0.8 and "; to hold 80 % of" in drawn["words"]
