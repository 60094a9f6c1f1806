"""Quads found and missed, counted by hand."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.quads import Quads, pairs

SQUARE = np.float64([[0, 0], [30, 0], [30, 10], [0, 10]])


def moved(*shifts):
    """SQUARE, each at x + shift; by s pixels its IoU is (30 - s) / (30 + s)."""
    return np.stack([SQUARE + [s, 0] for s in shifts]) if shifts else np.zeros((0, 4, 2))


def judged(*images):
    """An evaluator that has seen images (found, there)."""
    evaluator = Quads()
    for found, there in images:
        padded = np.concatenate([found, np.zeros((5 - len(found), 4, 2))])[None]
        evaluator.update({"quads_xy": padded, "count": np.array([len(found)])}, {"quads_xy": there[None]})
    return evaluator


def test_counts_of_two_images():
    evaluator = judged((moved(1, 100, 200), moved(0, 100)), (moved(), moved(0, 50)))
    result = evaluator.result()
    assert result["precision"] == 2 / 3 and result["recall"] == 2 / 4 and result["f1"] == 4 / 7
    assert result["iou"] == pytest.approx((29 / 31 + 1) / 2)
    assert evaluator.result([1]) == {"recall": 0.0, "f1": 0.0}


@pytest.mark.parametrize(("shift", "right"), [(9.99, 1), (10, 1), (10.01, 0)])
def test_half_is_enough(shift, right):
    """(30 - 10) / (30 + 10) is one half."""
    assert judged((moved(shift), moved(0))).result()["f1"] == right


def test_one_is_found_once():
    result = judged((moved(0, 1), moved(0))).result()
    assert result["precision"] == 0.5 and result["recall"] == 1.0


def test_as_many_pairs_as_there_can_be():
    """The first overlaps both, and the second only the first one."""
    held = pairs(moved(5, -4), moved(0, 10))
    assert len(held) == 2
    assert sorted(held) == pytest.approx(sorted([25 / 35, 26 / 34]))


@pytest.mark.parametrize("count", [3, 12])
def test_many_pairs_that_just_overlap_are_more_than_one_fewer_that_fit(count):
    """Each quad that is found lies on the next one that is there, but for the last: all but one could fit."""
    steps = np.arange(count)
    held = pairs(moved(*9 * (steps + 1)), moved(*9 * steps))
    assert held == pytest.approx([21 / 39] * count)


def test_nothing_found_where_nothing_is():
    assert judged((moved(), moved())).result() == {}
    assert judged((moved(0), moved())).result() == {"precision": 0.0, "f1": 0.0}


def test_a_model_that_has_diverged_is_one_line():
    with pytest.raises(KerasVisionError, match="not finite"):
        judged((moved(0) * np.nan, moved(0)))
