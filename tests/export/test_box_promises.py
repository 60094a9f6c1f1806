"""Boxes with promises inside of files: thresholds of a file's own scores, fitted again by hand."""

import dataclasses

import numpy as np
import pytest

from kerasvision.api import load
from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.edge import open_client
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.light import light_model
from kerasvision.ops.nms import Suppression
from kerasvision.tasks.outer_boxes import OuterBoxes
from tests.contract.cases import CASES
from tests.export.scene_promises import answers, drawn, promising, written

pytestmark = pytest.mark.nightly  # by day: what a promise is, of classes, in test_promises.py

SPECS = ("saved_model", "tflite:int8")


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """Boxes all over the picture, which find something at an IoU of 0.1."""
    fields = {"num_classes": 0, "suppression": Suppression(score_threshold=0.0)}
    fields["outer_boxes"] = OuterBoxes(0.2, least_iou=0.1, not_found=0.8)
    model = dataclasses.replace(CASES["detection/ssd"].make(), **fields)
    return written(
        promising("boxes", model, drawn(tmp_path_factory.mktemp("shapes"))), SPECS, tmp_path_factory.mktemp("boxes")
    )


@pytest.mark.parametrize("spec", SPECS)
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
