"""Figures of following in closed forms: boxes that are shifted, grown, absent."""

import numpy as np
import pytest

from kerasvision.metrics.following import Following


def result(boxes, said, true, there, **beside):
    judge = Following()
    truth = {"box_xyxy": np.float32(true), "present": np.int32(there)} | beside
    judge.update({"box_xyxy": np.float32(boxes), "present": np.int32(said)}, truth)
    return judge, judge.result()


SQUARE = [100, 100, 200, 200]


def test_a_shift_has_the_overlap_and_the_distance_that_it_has():
    shifts = np.array([0, 10, 25, 50, 100])
    boxes = [[100 + d, 100, 200 + d, 200] for d in shifts]
    _, found = result(boxes, [1] * 5, [SQUARE] * 5, [1] * 5)
    assert found["success_auc"] == pytest.approx(np.mean((100 - shifts) / (100 + shifts)))
    assert found["precision"] == pytest.approx(2 / 5)  # 0 and 10 pixels
    assert found["normalized_precision"] == pytest.approx(np.mean([1, 0.8, 0.5, 0, 0]))  # d / 100 over 0.5
    assert found["presence_f1"] == 1.0
    assert "silence" not in found  # there is no frame without the object


@pytest.mark.parametrize(("apart", "is_precise"), [(20.0, 1.0), (20.001, 0.0)])
def test_twenty_pixels_are_precise_and_more_are_not(apart, is_precise):
    box = [100 + apart, 100, 200 + apart, 200]
    assert result([box], [1], [SQUARE], [1])[1]["precision"] == is_precise


def test_the_area_is_the_limit_of_thresholds():
    """Toolkits count 21 thresholds; of ever more the mean of the curve is the mean overlap."""
    rng = np.random.default_rng(0)
    shifts = rng.uniform(0, 100, 50)
    boxes = [[100 + d, 100, 200 + d, 200] for d in shifts]
    _, found = result(boxes, [1] * 50, [SQUARE] * 50, [1] * 50)
    share = (100 - shifts) / (100 + shifts)
    curve = [(share > t).mean() for t in np.linspace(0, 1, 100_001)]
    assert found["success_auc"] == pytest.approx(np.mean(curve), abs=1e-4)


def test_absence_said_is_nothing_found_and_silence_is_counted():
    _, found = result([SQUARE] * 5, [1, 0, 1, 0, 0], [SQUARE] * 5, [1, 1, 0, 0, 0])
    assert found["success_auc"] == pytest.approx(0.5)
    assert found["silence"] == pytest.approx(2 / 3)
    assert found["presence_f1"] == pytest.approx(2 * 1 / (2 + 2))


def test_sequences_are_groups_and_some_frames_can_be_chosen():
    judge, _ = result([SQUARE] * 3, [1, 1, 0], [SQUARE] * 3, [1] * 3, sequence=np.array([4, 4, 7]))
    assert judge.groups == (4, 4, 7)
    assert judge.result([0, 1])["success_auc"] == 1.0
    assert judge.result([2])["success_auc"] == 0.0
    assert Following().result() == {}
