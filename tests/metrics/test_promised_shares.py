"""What is said of each example about a promise, by hand: whom it is for, and who does not count."""

import numpy as np
import pytest

from kerasvision.export.verdict import coverage_of
from kerasvision.metrics.classification import SingleLabel
from kerasvision.metrics.covered import BoxCoverage, PixelCoverage
from kerasvision.metrics.detection import Detection
from kerasvision.metrics.instances import Instances
from kerasvision.metrics.regression import Numbers
from kerasvision.metrics.segmentation import Segmentation

NAN = np.nan


def same(found, wanted):
    assert list(found) == list(wanted)
    for name, shares in wanted.items():
        np.testing.assert_array_equal(found[name], shares)


@pytest.mark.parametrize(
    ("by_class", "wanted"),
    [
        (False, {"": [1, 0, 1, 1]}),
        (True, {"cat": [1, 0, NAN, NAN], "dog": [NAN, NAN, 1, 1], "owl": [NAN, NAN, NAN, NAN]}),
    ],
)
def test_of_sets_of_classes(by_class, wanted):
    seen = SingleLabel(("cat", "dog", "owl"), has_sets=True, by_class=by_class)
    sets = np.array([[1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 1, 1]])
    for part in (slice(0, 3), slice(3, 4)):
        seen.update({"probabilities": np.eye(3)[[0, 1, 1, 1]][part], "in_set": sets[part]}, {"label": LABELS[part]})
    same(seen.promised_shares(), wanted)
    found = coverage_of(seen, 4)
    if by_class:
        assert found["cat"] == {"coverage": 0.5, "examples": 2} and found["owl"] == {"coverage": None, "examples": 0}
    else:
        assert found == {"": {"coverage": 0.75, "examples": 4}}
    plain = SingleLabel(("cat", "dog", "owl"))
    plain.update({"probabilities": np.eye(3)}, {"label": np.arange(3)})
    assert plain.promised_shares() == {}


LABELS = np.array([0, 0, 1, 1])


def test_of_numbers_each_by_itself():
    names = ("age", "weight")
    seen, targets = Numbers(names, promised=0.9), np.array([[1.0, 10.0], [2.0, 20.0]])
    interval = np.array([[[0, 1], [11, 12]], [[2.5, 3], [19, 21]]])
    seen.update({"values": targets, "interval": interval}, {"targets": targets})
    same(seen.promised_shares(), {"age": [1, 0], "weight": [0, 1]})
    alone = Numbers(("age",), promised=0.9)
    alone.update({"values": targets[:, :1], "interval": interval[:, :1]}, {"targets": targets[:, :1]})
    same(alone.promised_shares(), {"": [1, 0]})
    without = Numbers(names)
    without.update({"values": targets}, {"targets": targets})
    assert without.promised_shares() == {}


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        ("foreground", {"": [0.5, NAN]}),
        ("image", {"": [0.75, 0.5]}),
        ("each_class", {"sky": [1.0, 0.5], "road": [0.5, NAN]}),
    ],
)
def test_of_pixels(of, wanted):
    """Two pixels of each class in the first image, of which one of the road is missed; the second is all sky."""
    names = ("sky", "road")
    masks = np.array([[[0, 0], [1, 1]], [[0, 0], [0, 0]]], np.uint8)
    sets = np.ones((2, 2, 2, 2), np.uint8)
    sets[0, 1, 0, 1] = sets[1, 0, :, 0] = 0
    whole = Segmentation(names, coverage=PixelCoverage(names, of))
    whole.update({"mask": masks, "may_be": sets}, {"mask": masks})
    same(whole.promised_shares(), wanted)
    assert Segmentation(names).promised_shares() == {}


def test_of_boxes_images_without_objects_do_not_count():
    """One object found and held, one found and not held; an image without any; one with a crowd alone."""
    boxes = np.array([[[0, 0, 10, 10], [20, 20, 30, 30]], [[0, 0, 10, 10]] * 2, [[0, 0, 10, 10]] * 2], np.float32)
    outer = boxes + np.float32([-1, -1, 1, 1])
    outer[0, 1] = boxes[0, 1] + np.float32([1, 0, 0, 0])
    scores, labels = np.tile(np.float32([0.9, 0.8]), (3, 1)), np.zeros((3, 2), np.int32)
    held = {"boxes_xyxy": boxes, "scores": scores, "labels": labels, "count": np.array([2, 1, 1])}
    prediction = held | {"outer_xyxy": outer, "outer_count": np.array([2, 1, 1])}
    objects = [boxes[0], np.zeros((0, 4), np.float32), boxes[2, :1]]
    truth = {"boxes_xyxy": objects, "labels": [np.zeros(len(one), np.int32) for one in objects]}
    truth["is_crowd"] = [np.zeros(2, bool), np.zeros(0, bool), np.ones(1, bool)]
    seen = Detection(("cat",), coverage=BoxCoverage(0.5))
    seen.update(prediction, truth)
    same(seen.promised_shares(), {"": [0.5, NAN, NAN]})
    assert coverage_of(seen, 3) == {"": {"coverage": 0.5, "examples": 1}}
    seen.split_groups = ("a", "a", "b")  # a video of two frames
    assert coverage_of(seen, 3) == {"": {"coverage": 0.5, "examples": 1}}
    assert Detection(("cat",)).promised_shares() == {} == Instances(("cat",)).promised_shares()


def test_groups_count_once():
    """Four frames, of which the first and the last have their object inside and the third has none."""
    box, seen = np.float32([[0, 0, 10, 10]]), BoxCoverage(0.5)
    outer = np.stack([box, box - 1, box, box])
    outer[1, 0, 0] = 1
    found = {"boxes_xyxy": np.stack([box] * 4), "labels": np.zeros((4, 1), int)}
    objects = [box, box, box[:0], box]
    truth = {"boxes_xyxy": objects, "labels": [np.zeros(len(one), int) for one in objects]}
    seen.update(found | {"outer_xyxy": outer, "outer_count": np.ones(4, int)}, truth)
    same(seen.promised_shares(), {"": [1.0, 0.0, NAN, 1.0]})
    seen.split_groups = ("a", "a", "b", "c")
    assert coverage_of(seen, 4) == {"": {"coverage": pytest.approx(2 / 3), "examples": 2}}
