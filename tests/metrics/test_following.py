"""Figures of following in closed forms: boxes that are shifted, grown, absent."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
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


def film(*parts, names=0):
    """`result` of a film of parts: (frames, whether it is there, whether and where it is said to be). names: of films,
    one for all or one a frame.
    """
    rows = [(50.0 if off is None else off, off is not None, is_there) for n, is_there, off in parts for _ in range(n)]
    boxes = [[100 + d, 100, 200 + d, 200] for d, _, _ in rows]
    there = [there for _, _, there in rows]
    of_film = {} if names is None else {"sequence": np.broadcast_to(names, len(rows))}
    return result(boxes, [said for _, said, _ in rows], [SQUARE] * len(rows), there, **of_film)


@pytest.mark.parametrize(("late", "returned"), [(14, 1.0), (15, 0.0)])
def test_fifteen_frames_are_in_time_and_the_sixteenth_is_not(late, returned):
    _, found = film((3, 1, 0), (4, 0, None), (late, 1, None), (5, 1, 0))
    assert found["returned"] == returned and found["return_frames"] == late


@pytest.mark.parametrize(("off", "is_found"), [(33.3, True), (33.4, False)])
def test_it_is_found_by_half_of_an_overlap_before_it_goes_again(off, is_found):
    """A shift of a third of a side has an IoU of a half."""
    _, found = film((3, 1, 0), (2, 0, None), (4, 1, off), (2, 0, 0), (3, 1, 0))
    assert found["returned"] == (1 + is_found) / 2
    assert found["return_frames"] == 0.0


def test_without_returns_nothing_is_said_of_them_and_films_are_apart():
    _, found = film((3, 1, 0), (2, 0, None))
    assert "returned" not in found and "return_frames" not in found
    whole = (3, 1, 0), (2, 0, None), (3, 1, 0)
    assert film(*whole)[1]["returned"] == 1.0
    assert "returned" not in film(*whole, names=[1] * 5 + [2] * 3)[1]
    assert not {"returned", "return_frames", "robustness"} & set(film(*whole, names=None)[1])  # pairs are no film
    judge, _ = film((3, 1, 0), (2, 0, None), (3, 1, None), (1, 1, 0))
    assert "returned" not in judge.result([0, 1, 2]) and judge.result([5])["return_frames"] == 3.0


@pytest.mark.parametrize(("frames", "robustness"), [(9, 1.0), (10, 4 / 19)])
def test_ten_frames_in_a_row_are_lost_for_good_and_nine_are_not(frames, robustness):
    """An overlap of a shift of 82 is below a tenth, of 81 above it; the object is away in between, which counts not."""
    parts = (4, 1, 0), (3, 1, 82), (5, 0, None), (frames - 3, 1, 82), (15 - frames, 1, 81)
    assert film(*parts)[1]["robustness"] == pytest.approx(robustness)
    assert film((4, 1, 0), (15, 1, 81))[1]["robustness"] == 1.0


def test_films_of_some_frames_alone_are_one_line():
    judge = Following()
    for beside in ({"sequence": np.array([1])}, {}):
        judge.update(
            {"box_xyxy": np.float32([SQUARE]), "present": [1]}, {"box_xyxy": [SQUARE], "present": [1]} | beside
        )
    with pytest.raises(KerasVisionError, match="2 frames, and the films of 1; name all or none"):
        judge.figures()
