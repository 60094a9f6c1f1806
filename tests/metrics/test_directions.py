"""Every evaluator says of each of its figures which way it is better, both sides seen on predictions made for it."""

import numpy as np
import pytest

from kerasvision.core.direction import Target, direction_of, goodness
from kerasvision.metrics.classification import MultiLabel, SingleLabel
from kerasvision.metrics.detection import Detection
from kerasvision.metrics.regression import Numbers
from kerasvision.metrics.restoration import Restoration
from kerasvision.metrics.segmentation import Segmentation

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 6
ONE_HOT = np.eye(6)[LABELS]
PRESENT = RNG.random((40, 6)) < 0.4
NUMBERS = RNG.normal(size=(200, 2))
MASK = np.zeros((1, 24, 24), np.uint8)
MASK[0, 4:12, 4:12], MASK[0, 14:22, 14:22] = 1, 2
BOXES = np.array([[2.0, 2, 12, 12], [30, 30, 70, 70], [100, 100, 250, 250]])


def _single(good):
    p = 0.1 + ONE_HOT if good else 0.1 + np.roll(ONE_HOT, 1, 1)
    return SingleLabel(tuple("abcdef")), {"probabilities": p / p.sum(1, keepdims=True)}, {"label": LABELS}


def _multi(good):
    scores = 0.1 + 0.8 * (PRESENT if good else ~PRESENT) + 0.05 * RNG.random(PRESENT.shape)
    prediction = {"probabilities": scores, "present": (scores > 0.5).astype(np.int32)}
    return MultiLabel(tuple("abcdef")), prediction, {"present": PRESENT.astype(np.float32)}


def _numbers(good):
    """Wrong ones lie in an interval that is far too wide, and have too large a deviation."""
    noise = RNG.normal(size=NUMBERS.shape)
    values = NUMBERS + (0.1 if good else 3.0) * noise
    reach = 0.1 * 1.6449 if good else 30.0
    prediction = {"values": values, "quantiles": np.stack([values - reach, values, values + reach], -1)}
    prediction["deviation"] = np.full_like(values, 0.1 if good else 30.0)
    return Numbers(("w", "h"), (0.05, 0.5, 0.95)), prediction, {"targets": NUMBERS}


def _restored(good):
    whole = RNG.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    present = RNG.integers(0, 2, (2, 8, 8)).astype(np.uint8)
    made = whole.astype(np.float32) + (1.0 if good else 60.0)
    return Restoration(), {"picture": made}, {"whole": whole, "present": present}


def _segmented(good):
    """Wrong: one organ three times as large, the other one missing."""
    found = MASK.copy()
    found[0, 4:12, 12] = 1
    if not good:
        found[0, 2:22, 2:13], found[0, 14:22, 14:22] = 1, 0
    judge = Segmentation(("background", "liver", "hd95"), boundaries=True, surfaces=True)
    return judge, {"mask": found}, {"mask": MASK}


def _detected(good):
    shift = 0.0 if good else 6.0
    prediction = {"boxes_xyxy": BOXES[None] + shift, "scores": np.full((1, 3), 0.9), "count": np.array([3])}
    prediction |= {"labels": np.array([[0, 1, 1]])}
    ground_truth = {
        "boxes_xyxy": BOXES[None],
        "labels": np.array([[0, 1, 1]]),
        "occlusion": np.array([[0.0, 0.2, 0.5]]),
    }
    return Detection(("a", "b")), prediction, ground_truth | {"illumination": np.array([0.0])}


CASES = {"single": _single, "multi": _multi, "numbers": _numbers, "restored": _restored, "segmented": _segmented}
CASES["detected"] = _detected


def _result(made):
    judge, prediction, ground_truth = made
    judge.update(prediction, ground_truth)
    return judge.directions, judge.result()


@pytest.mark.parametrize("name", CASES)
def test_a_right_prediction_is_better_than_a_wrong_one_by_every_figure(name):
    stated, right = _result(CASES[name](True))
    _, wrong = _result(CASES[name](False))
    for key in right.keys() & wrong.keys():
        direction = direction_of(stated, key)
        assert direction is not None, key
        if direction != "none" and not key.startswith("spurious"):  # neither invents a class
            better, worse = goodness(right[key], direction), goodness(wrong[key], direction)
            assert better >= worse and (better > worse or "/" in key or name == "detected"), key
    assert not [key for key in right.keys() | wrong.keys() if direction_of(stated, key) is None]


def test_what_names_would_have_guessed_wrong():
    """`coverage` ends like an error of ranking, `area_bias` like nothing that is to be small."""
    stated = Numbers(("w",), (0.1, 0.5, 0.9)).directions
    assert stated["coverage"] == Target(0.8) and stated["coverage_95"] == Target(0.95)
    assert MultiLabel(("a",)).directions["coverage_error"] == "min"
    stated = Segmentation(("b", "a")).directions
    assert (
        stated["area_bias"] == Target(0.0) and direction_of(stated, "hd95/a") == direction_of(stated, "hd95") == "min"
    )
