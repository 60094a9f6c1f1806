"""One figure alone is the one that stands in all figures: folds of an interval ask for it twenty times."""

import numpy as np
import pytest

from kerasvision.metrics.classification import MultiLabel, SingleLabel
from kerasvision.metrics.detection import Detection
from kerasvision.metrics.segmentation import Segmentation

RNG = np.random.default_rng(3)


def single_label():
    scores = RNG.random((30, 4))
    return SingleLabel(tuple("abcd")), {"probabilities": scores}, {"label": RNG.integers(0, 4, 30)}


def multi_label():
    scores, ground_truth = RNG.random((30, 4)), RNG.random((30, 4)) < 0.4
    return MultiLabel(tuple("abcd")), {"probabilities": scores, "present": scores > 0.5}, {"present": ground_truth}


def segmentation():
    true, found = (RNG.integers(0, 3, (30, 12, 12)).astype(np.uint8) for _ in range(2))
    return Segmentation(("background", "a", "b"), boundaries=True), {"mask": found}, {"mask": true}


def detection():
    corners = RNG.uniform(0, 50, (30, 5, 2))
    boxes = np.concatenate([corners, corners + RNG.uniform(5, 40, (30, 5, 2))], -1).astype(np.float32)
    labels = RNG.integers(0, 3, (30, 5)).astype(np.int32)
    found = {"boxes_xyxy": boxes + RNG.normal(0, 2, boxes.shape).astype(np.float32), "labels": labels}
    found |= {"scores": RNG.random((30, 5)).astype(np.float32), "count": np.full(30, 5, np.int32)}
    return Detection(tuple("abc")), found, {"boxes_xyxy": boxes, "labels": labels}


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (single_label, ("accuracy", "macro_f1")),
        (multi_label, ("mean_average_precision",)),
        (segmentation, ("miou", "boundary_f")),
        (detection, ("ap", "ap50")),
    ],
)
def test_a_figure_alone_is_the_one_among_all(make, names):
    evaluator, prediction, ground_truth = make()
    evaluator.update(prediction, ground_truth)
    for examples in (np.arange(30), np.arange(0, 30, 3), np.array([7])):
        whole = evaluator.result(examples)
        for name in names:
            assert evaluator.figure(name, examples) == pytest.approx(whole[name], abs=1e-12), (name, len(examples))
    assert evaluator.figure("no such figure", np.arange(30)) is None
    assert evaluator.result(np.arange(0, 30, 3)) != evaluator.result(np.arange(1, 30, 3)), "parts differ"
