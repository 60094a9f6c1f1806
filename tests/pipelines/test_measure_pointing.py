"""The object that a heat is measured against is the one that is answered; a method that knows it points there."""

import runpy
import types

import numpy as np
import pytest
import tensorflow as tf

from tests.pipelines.drawn import FOLDER

SCRIPT = runpy.run_path(str(FOLDER / "measure_pointing.py"))
SIDE = 16


def scene():
    """Two objects, of class 1 at the upper left and of class 0 at the lower right."""
    masks = np.zeros((2, SIDE, SIDE), np.uint8)
    masks[0, 2:6, 2:6], masks[1, 9:15, 8:14] = 1, 1
    boxes = np.array([[2, 2, 6, 6], [8, 9, 14, 15]], np.float32)
    return {
        "instance_masks": tf.constant(masks),
        "labels": tf.constant([1, 0]),
        "boxes_xyxy": tf.constant(boxes),
        "image": tf.zeros((SIDE, SIDE, 3), tf.uint8),
    }


class Model:
    """Says what it is told to: `answer` of a detector, `scores` of classes or `predicted` classes of pixels."""

    classes = ("cup", "pen")

    def __init__(self, flags, answer=None, scores=None, predicted=None):
        self.answer, self.named, self.raw_logits = answer, scores, predicted
        self.arch = types.SimpleNamespace(
            targets=lambda: types.SimpleNamespace(flags=flags), decode=lambda raw, geometry: self.answer
        )

    def raw(self, prepared):
        return {"logits": self.raw_logits}

    def targets(self, prepared, geometry, **asked):
        return [asked]

    def scores(self, prepared, target):
        return np.array([self.named[target["label"][0]]])


def told(model):
    held = scene()
    return SCRIPT["told"](model, held, held["image"].numpy(), {})


@pytest.mark.parametrize(("scores", "name", "own"), [((0.9, 0.1), "cup", 1), ((0.2, 0.7), "pen", 0)])
def test_a_classifier_is_asked_for_the_class_there_that_it_is_surest_of(scores, name, own):
    target, region = told(Model({"label": ""}, scores=dict(zip(Model.classes, scores, strict=True))))
    assert target == {"label": (name,)}
    np.testing.assert_array_equal(region, scene()["instance_masks"].numpy()[own] > 0)


@pytest.mark.parametrize(("shift", "found"), [(1.9, True), (2.1, False)])
def test_a_box_counts_from_half_an_overlap_and_of_its_own_class(shift, found):
    """A box of 6 by 6 shifted by s has an IoU of (6 - s) / (6 + s): 0.5 at s = 2. The first box has a wrong class."""
    boxes = np.array([[[2, 2, 6, 6], [8 + shift, 9, 14 + shift, 15]]], np.float32)
    answer = {"boxes_xyxy": tf.constant(boxes), "labels": tf.constant([[0, 0]]), "count": tf.constant([2])}
    one = told(Model({"box": "", "label": ""}, answer=answer))
    assert (one is not None) == found
    if found:
        assert one[0] == {"box": (1,)}
        np.testing.assert_array_equal(one[1], scene()["instance_masks"].numpy()[1] > 0)


@pytest.mark.parametrize(("pixels", "found"), [(3, True), (0, False)])
def test_a_segmenter_is_asked_for_a_class_that_it_predicts_on_the_object(pixels, found):
    predicted = np.zeros((1, SIDE, SIDE, 2), np.float32)
    predicted[..., 1] = -1.0
    predicted[0, :8, :8, 1] = 0.0  # both equal: the first, "cup", which is not what stands there
    predicted[0, 2, 2 : 2 + pixels, 1] = 1.0
    predicted[0, 9:15, 8:14, 1] = 1.0  # "pen" on the cup
    one = told(Model({"label": "", "region": ""}, predicted=tf.constant(predicted)))
    assert (one is not None) == found
    if found:
        assert one[0] == {"region": "pen"}
        np.testing.assert_array_equal(one[1], scene()["instance_masks"].numpy()[0] > 0)


def test_a_heat_that_is_the_mask_points_at_it():
    region = scene()["instance_masks"].numpy()[1] > 0
    knows = types.SimpleNamespace(explain=lambda model, prepared, target: region.astype(np.float32))
    even = types.SimpleNamespace(explain=lambda model, prepared, target: np.ones(region.shape, np.float32))
    assert SCRIPT["figures"](knows, None, None, None, region) == {"pointing": 1.0, "inside": 1.0}
    assert SCRIPT["figures"](even, None, None, None, region) == pytest.approx(
        dict.fromkeys(("pointing", "inside"), 36 / 256)
    )
