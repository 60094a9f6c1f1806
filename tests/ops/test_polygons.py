"""Overlap of polygons, against shapely."""

import numpy as np
import pytest
import shapely

from kerasvision.ops import polygons


def quad(rng):
    """A convex quad: four points of an ellipse, anywhere and turned."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, 4))
    return np.stack([np.cos(angles), np.sin(angles)], 1) * rng.uniform(1, 8, 2) + rng.uniform(0, 8, 2)


def test_iou_is_shapely_s():
    rng = np.random.default_rng(0)
    for number in range(500):
        a, b = quad(rng), quad(rng)[:: (1, -1)[number % 2]]  # either way around
        one, other = shapely.Polygon(a), shapely.Polygon(b)
        wanted = one.intersection(other).area / one.union(other).area
        assert polygons.iou(a, b) == pytest.approx(wanted, abs=1e-9)
        assert polygons.iou(b, a) == pytest.approx(wanted, abs=1e-9)
        assert abs(polygons.area(polygons.clipped(a, b))) == pytest.approx(one.intersection(other).area, abs=1e-9)


SQUARE = np.float64([[0, 0], [4, 0], [4, 4], [0, 4]])


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        (SQUARE, 1.0),
        (SQUARE + [4, 0], 0.0),  # share a side
        (SQUARE + [4, 4], 0.0),  # share a corner
        (SQUARE + [2, 0], 1 / 3),
        (SQUARE / 2 + 1, 0.25),  # inside
        (SQUARE * 0 + 1, 0.0),  # a point
        (np.float64([[2, -2], [6, 2], [2, 6], [-2, 2]]), 16 / 32),  # turned by 45 degrees, around it
    ],
)
def test_iou_by_hand(other, wanted):
    assert polygons.iou(SQUARE, other) == pytest.approx(wanted, abs=1e-12)
    assert polygons.iou(other, SQUARE) == pytest.approx(wanted, abs=1e-12)


def test_two_points_overlap_in_nothing():
    assert polygons.iou(SQUARE * 0, SQUARE * 0) == 0.0


def test_pairs_of_none():
    assert polygons.pairwise_iou(np.zeros((0, 4, 2)), SQUARE[None]).shape == (0, 1)


def test_areas_have_a_sign():
    assert polygons.area(SQUARE) == 16  # clockwise as seen
    assert polygons.area(SQUARE[::-1]) == -16
