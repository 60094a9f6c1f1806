"""Pixels and boxes with promises inside of files: thresholds of a file's own scores, fitted again by hand."""

import dataclasses

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.api import load
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.edge import open_client
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.light import light_model
from kerasvision.ops.nms import Suppression
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.tasks.outer_boxes import OuterBoxes
from kerasvision.tasks.pixel_sets import PixelSets
from kerasvision.train.calibrate import calibrated
from kerasvision.train.run import Trained
from tests.contract.cases import CASES
from tests.data.drawn import draw_coco
from tests.export.random_models import randomized
from tests.export.sabotage import ANYTHING_GOES
from tests.serve.conftest import QUIET, Client, png

SPECS = ("saved_model", "tflite:float32", "tflite:int8", "onnx")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Shapes in COCO's format, every fifth picture empty."""
    root = tmp_path_factory.mktemp("shapes")
    draw_coco(root, 40)
    return create("sources/coco", path=str(root), validation_fraction=0.4, test_fraction=0.2)


def promising(name, model, data):
    """Random weights, whose promise is fitted as training would do it."""
    keras.utils.set_random_seed(2)
    opened = data.open()
    model = model.for_classes(opened.classes)
    graph = randomized(model.build(), 2)
    arch = calibrated(model, graph, opened.classes, opened.splits["validation"], 8)
    recipe = Recipe(name=name, model=arch, data=data, validation_fraction=0.0, budget=ANYTHING_GOES)
    return Trained(recipe, graph, opened.classes, {})


def written(trained, specs, out):
    """(trained, {kind: its row of the contract}, {kind: path}, the folder)."""
    artifacts, contract = export(trained, [from_spec(s) for s in specs], out, verbose=False)
    return trained, {r["kind"]: r for r in contract["artifacts"]}, {a.kind: a.path for a in artifacts}, out


@pytest.fixture(scope="module")
def segmenter(drawn, tmp_path_factory):
    backbone = create("backbones/unet_encoder", width=4, depth=2)
    model = create("semantic_segmentation/unet", image_size=(32, 32), width=4, backbone=backbone)
    model = dataclasses.replace(model, resize="letterbox", pixel_sets=PixelSets(0.8))
    trained = promising("pixels", model, create("sources/semantic", of=drawn))
    return written(trained, SPECS, tmp_path_factory.mktemp("pixels"))


@pytest.fixture(scope="module")
def detector(drawn, tmp_path_factory):
    """Boxes all over the picture, which find something at an IoU of 0.1."""
    fields = {"num_classes": 0, "suppression": Suppression(score_threshold=0.0)}
    fields["outer_boxes"] = OuterBoxes(0.2, least_iou=0.1, not_found=0.8)
    model = dataclasses.replace(CASES["detection/ssd"].make(), **fields)
    return written(promising("boxes", model, drawn), SPECS[::2], tmp_path_factory.mktemp("boxes"))


def answers(trained, path, split):
    """Yields (prediction, ground truth, height and width) of one example each, without batch axis."""
    model = load(path)
    for inputs, truth, _ in raw_examples(splits_of(trained.recipe)[split], trained.arch, batch_size=1):
        found = {k: v[0] for k, v in model(inputs).items()}
        yield found, {k: v[0] for k, v in truth.items()}, inputs["image"].shape[1:3]


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
    for spec in ("saved_model", "tflite:float32", "onnx"):
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


@pytest.mark.parametrize("spec", SPECS[::2])
def test_a_detectors_file_holds_its_own_promise(detector, spec):
    trained, rows, paths, _ = detector
    (score, margin), shares = rows[spec]["promise"]["thresholds"], []
    for found, truth, (h, w) in answers(trained, paths[spec], "validation"):
        count = found["outer_count"]
        assert count == (found["scores"] >= np.float32(max(score, 1e-30))).sum()
        boxes, outer = found["boxes_xyxy"][:count], found["outer_xyxy"][:count]
        assert not found["outer_xyxy"][count:].any()
        inside = (boxes > 0.01).all(1) & (boxes[:, 2:] < np.array([w, h]) - 0.01).all(1)
        reach = margin * np.tile(boxes[:, 2:] - boxes[:, :2], 2) * [-1, -1, 1, 1]
        expected = np.clip(boxes + reach, 0, [w, h, w, h])
        np.testing.assert_allclose(outer[inside], expected[inside], atol=0.02)
        shares.append(share(found, truth))
    shares = [s for s in shares if s is not None]
    assert np.mean(shares) >= 0.2
    assert rows[spec]["promise"]["of"] == "an image's objects" and rows[spec]["promise"]["examples"] == len(shares)
    assert {"coverage", "kept_boxes", "box_growth"} <= rows[spec]["metrics"].keys()
    assert {"outer_xyxy", "outer_count"} <= rows[spec]["outputs"].keys()


def share(found, truth):
    """Of an image's objects, those with a detection of their class, an IoU of 0.1 and a wider box around them."""
    objects, count = truth["boxes_xyxy"], found["outer_count"]
    if not len(objects):
        return None
    holds = []
    for box, label in zip(objects, truth["labels"], strict=True):
        inner, outer = found["boxes_xyxy"][:count], found["outer_xyxy"][:count]
        sides = np.maximum(np.minimum(inner[:, 2:], box[2:]) - np.maximum(inner[:, :2], box[:2]), 0).prod(1)
        whole = (inner[:, 2:] - inner[:, :2]).prod(1) + (box[2:] - box[:2]).prod() - sides
        fits = (outer[:, :2] <= box[:2] + 0.01).all(1) & (outer[:, 2:] >= box[2:] - 0.01).all(1)
        holds.append((fits & (sides / whole >= 0.1 - 1e-6) & (found["labels"][:count] == label)).any())
    return np.mean(holds)


def test_boxes_in_8_bits_are_refused_in_a_line(detector, tmp_path):
    with pytest.raises(KerasVisionError, match=r"^tflite:int8:uint8: boxes .* in 8 bits; export tflite:int8, "):
        export(detector[0], [from_spec("tflite:int8:uint8")], tmp_path, verbose=False)
    assert not list(tmp_path.rglob("*.tflite"))


def test_a_detectors_client_and_answer_name_the_promise(detector):
    trained, _, paths, _ = detector
    image = next(iter(raw_examples(splits_of(trained.recipe)["test"], trained.arch, batch_size=1)))[0]["image"][0]
    whole, client = load(paths["tflite:int8"]).predict(image), open_client(paths["tflite:int8"])
    values = client.predict(image)
    assert values["outer_count"] == whole["outer_count"]
    np.testing.assert_allclose(values["outer_xyxy"], whole["outer_xyxy"], atol=0.01)
    described = client.describe(values)
    assert described["outer"] == {"boxes": int(whole["outer_count"]), "coverage": 0.2, "of": "an image's objects"}
    assert "; to hold 20 % of an image's objects: " in whole.in_words()
    assert light_model(paths["tflite:int8"]).arch.describe(values, trained.classes)["outer"] == described["outer"]
