"""How far two predictions of boxes are apart, by hand: `Detection.compare`."""

import numpy as np
import pytest

from kerasvision.core.registry import create
from kerasvision.ops.nms import Suppression
from tests.contract.cases import tiny_backbone

PLACES = 4  # rows of a prediction; one of them is found, or more


@pytest.fixture(scope="module")
def arch():
    """Its rule: an IoU above 0.5 suppresses, a score of 0.05 counts, four places."""
    return create(
        "detection/retinanet",
        num_classes=3,
        backbone=tiny_backbone(),
        suppression=Suppression(iou_threshold=0.5, score_threshold=0.05, max_detections=PLACES),
    )


def found(*rows):
    """A prediction for one image of (box, score, label)."""
    free = PLACES - len(rows)
    boxes, scores, labels = zip(*rows, strict=True)
    return {
        "boxes_xyxy": np.array([[*boxes, *[(0, 0, 0, 0)] * free]], np.float32),
        "scores": np.array([[*scores, *[0.0] * free]], np.float32),
        "labels": np.array([[*labels, *[-1] * free]], np.int32),
        "count": np.array([len(rows)], np.int32),
    }


def chosen_from(prediction, *rows):
    boxes, scores, labels = zip(*rows, strict=True)
    return prediction | {
        "candidates_xyxy": np.array([boxes], np.float32),
        "candidate_scores": np.array([scores], np.float32),
        "candidate_labels": np.array([labels], np.int32),
    }


def apart(arch, reference, other):
    (error,), (flip,) = arch.compare(reference, other)
    return error, bool(flip)


SQUARE = ((0, 0, 40, 40), 0.9, 1)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (SQUARE, 0.0),
        (((0, 0, 40, 40), 0.7, 1), 0.2),  # a score
        (((0, 0, 40, 42), 0.9, 1), 2 / 42),  # a corner, in parts of the longest side that is there
    ],
)
def test_partners_are_told_by_score_and_corner(arch, other, expected):
    assert apart(arch, found(SQUARE), found(other)) == (pytest.approx(expected, abs=1e-6), False)


def test_another_class_is_another_object(arch):
    error, flip = apart(arch, found(SQUARE), found((SQUARE[0], 0.9, 2)))
    assert (error, flip) == (1.0, True)


@pytest.mark.parametrize(("score", "flip"), [(0.49, False), (0.51, True)])
def test_one_that_is_missing_is_told_by_how_far_its_score_is_from_counting(arch, score, flip):
    more = ((100, 100, 140, 140), score, 1)
    assert apart(arch, found(SQUARE, more), found(SQUARE)) == (pytest.approx(score - 0.05), flip)


def test_one_more_comes_from_a_candidate_or_from_nowhere(arch):
    more = ((100, 100, 140, 140), 0.06, 1)
    candidates = (SQUARE, ((100, 100, 140, 140), 0.04, 1))
    error, _ = apart(arch, chosen_from(found(SQUARE), *candidates), found(SQUARE, more))
    assert error == pytest.approx(0.02), "a candidate of 0.04 counts from 0.05 on"
    nearest, _ = apart(arch, chosen_from(found(SQUARE), SQUARE), found(SQUARE, more))
    assert nearest == pytest.approx(0.9 - 0.06), "the score is further off than the corner, 100 of 140 px"


def test_one_may_be_suppressed_by_another_that_overlaps_nearly_enough(arch):
    """IoU of two squares of 40 px that are 14 px apart: 26 / 54, which is 0.0185 below the threshold."""
    beside = ((14, 0, 54, 40), 0.8, 1)
    assert apart(arch, found(SQUARE, beside), found(SQUARE)) == (pytest.approx(0.5 - 26 / 54, abs=1e-6), True)
    of_another_class = (beside[0], 0.8, 2)
    assert apart(arch, found(SQUARE, of_another_class), found(SQUARE))[0] == pytest.approx(0.75)


def test_where_all_places_are_taken_one_is_told_from_the_last(arch):
    rows = [((100 * i, 0, 100 * i + 50, 50), 0.9 - 0.1 * i, 1) for i in range(PLACES)]
    instead = [*rows[:-1], ((900, 0, 950, 50), 0.62, 1)]
    candidates = (*rows, instead[-1])
    error, _ = apart(arch, chosen_from(found(*rows), *candidates), found(*instead))
    assert error == pytest.approx(0.02, abs=1e-6), "0.62 for 0.6, in both directions"


@pytest.mark.parametrize("key", ["scores", "boxes_xyxy"])
def test_what_is_no_number_is_near_nothing(arch, key):
    broken = found(SQUARE)
    broken[key] = np.full_like(broken[key], np.nan)
    assert np.isnan(apart(arch, found(SQUARE), broken)[0])


@pytest.mark.parametrize(("whole", "expected"), [(True, 2e-4), (False, 0.5 - 1 / 3)])
def test_overlaps_are_those_that_suppression_saw(arch, whole, expected):
    """Of a letterboxed picture: two boxes of 40 x 40, 10 apart, overlap by 3/5, and so one falls. The picture ends
    after the first 5 columns of the second one, of which the first one has 15: what is left overlaps by a third. Which
    of the two stays is decided by 2e-4 of a score.
    """
    graph = np.array([[(0, 0, 40, 40), (10, 0, 50, 40)]], np.float32)
    a, b = (((0, 0, 15, 40), 0.6, 1), ((10, 0, 15, 40), 0.5999, 1))
    reference = chosen_from(found(a), a, b)
    reference |= {"candidates_graph_xyxy": graph} if whole else {}
    error, flip = apart(arch, reference, found((b[0], 0.6001, 1)))
    assert error == pytest.approx(expected, abs=1e-6)
    assert flip


@pytest.mark.parametrize(("score", "expected"), [(0.3, 0.0), (0.5, 0.1)])
def test_one_more_than_suppression_looks_at_is_explained_by_its_score(arch, score, expected):
    """Of 1,500 candidates that count the 1,000 best are looked at, the best that finds no place has 0.4."""
    rows = [((60 + k, 0, 61 + k, 40), 0.8 if k < 998 else 0.4, 1) for k in range(1500)]
    more = ((500, 500, 540, 540), score, 1)
    error, _ = apart(arch, chosen_from(found(SQUARE), SQUARE, more, *rows), found(SQUARE, more))
    assert error == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("side", "expected"), [(1e-4, 1e-4 / 80), (1e-2, 0.85)])
def test_one_that_is_hardly_wide_may_have_no_area(arch, side, expected):
    """What has no area is not found. Where labels are moved apart a corner is rounded to 1e-5 of a pixel."""
    narrow = ((20, 0, 20 + side, 80), 0.9, 2)
    error, flip = apart(arch, found(SQUARE, narrow), found(SQUARE))
    assert (error, flip) == (pytest.approx(expected, rel=0.05), True)


def seen(prediction, *rows):
    """With candidates whose boxes suppression saw as they are."""
    held = chosen_from(prediction, *rows)
    return held | {"candidates_graph_xyxy": held["candidates_xyxy"]}


@pytest.mark.parametrize(("left", "expected"), [(20, 1 / 3 - 0.5), (10, 3 / 5 - 0.5)])
def test_a_file_that_does_not_suppress_is_told_by_the_overlap(arch, left, expected):
    """Two boxes of 40 x 40, 20 or 10 apart; in the reference the second falls where more than a half is common."""
    second = ((left, 0, left + 40, 40), 0.8, 1)
    both = (SQUARE, second)
    reference = seen(found(SQUARE, *([second] if expected < 0 else [])), *both)
    error, _ = apart(arch, reference, found(*both))
    assert error == pytest.approx(max(expected, 0.0), abs=1e-6)


@pytest.mark.parametrize("copies", [1, 4])
def test_one_candidate_explains_one_detection(arch, copies):
    """Of no area, so that no overlap tells: TFLite's operator would give such a box until all places are taken."""
    flat = ((20, 20, 20, 60), 0.95, 1)
    reference = seen(found(SQUARE), SQUARE, flat)
    error, _ = apart(arch, reference, found(*[flat] * copies))
    assert error == pytest.approx(1.0 if copies > 1 else 1 / 3), (
        "once it may be the square, with a corner that moved by 20 of 60"
    )


def test_what_a_file_lacks_is_not_explained_by_places(arch):
    """As above, with 1,500 candidates that nearly all have the detection's own score."""
    rows = [((60 + k, 0, 61 + k, 40), 0.89, 1) for k in range(1500)]
    nothing = found((SQUARE[0], 0.0, -1)) | {"count": np.array([0], np.int32)}
    assert apart(arch, seen(found(SQUARE), SQUARE, *rows), nothing) == (pytest.approx(0.85), True)
