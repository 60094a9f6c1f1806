"""Outlines of shrunk bands of text, beside shapely's, which shrinks and compares them."""

import numpy as np
import pytest
import shapely
import tensorflow as tf

from kerasvision.ops import outlines, polygons, quads
from tests.systems.drawn_bands import RATIO, arc, cells_of, iou, least_iou, rectangle, shrunk, wave

BANDS = {
    "arc": arc(50, 2.2, 16),
    "half a circle": arc(40, 3.5, 12),
    "gentle": arc(80, 1.0, 20),
    "nearly closed": arc(30, 5.0, 14),
    "wave": wave(14),
    "straight": rectangle(90, 16, 0.0),
    "inclined": rectangle(90, 16, 0.5),
}


@pytest.mark.parametrize("name", BANDS)
def test_a_band_that_was_drawn_is_found_again(name):
    """Cells are half as large as the unit that bands are drawn in."""
    band = BANDS[name]
    found = outlines.outline(cells_of(shrunk(band), 320, stride=0.5), RATIO)
    assert shapely.Polygon(found).is_valid and polygons.area(found) > 0
    assert iou(found / 2, band) > least_iou(band, 0.5) > 0.8
    assert 8 <= len(found) < 80


@pytest.mark.parametrize("name", BANDS)
def test_the_shrinking_is_undone_however_the_band_bends(name):
    """Of an arc that is drawn as a polygon, and so has corners at its bend, to 0.1 %."""
    band = BANDS[name]
    small = shrunk(band)
    moved = band.area * (1 - RATIO**2) / band.length
    assert outlines.growing(small.area, small.length, RATIO) == pytest.approx(moved, rel=1e-3)


@pytest.mark.parametrize("ratio", [0.2, 0.4, 0.9])
def test_of_a_rectangle_it_is_what_files_do(ratio):
    for long, short in ((90.0, 3.0), (20.0, 20.0), (7.0, 0.5)):
        wanted = float(quads.enlarging(tf.constant([long, short]), ratio))
        assert outlines.growing(long * short, 2 * (long + short), ratio) == pytest.approx(wanted, rel=1e-5)


def test_a_hole_is_filled_and_a_component_at_the_border_goes_beyond_it():
    cells = np.zeros((20, 30), bool)
    cells[:9, 4:26] = True
    whole = outlines.outline(cells, RATIO)
    assert whole[:, 1].min() < -2 and whole[:, 1].max() > 11
    cells[4, 8:20] = False
    assert iou(outlines.outline(cells, RATIO), shapely.Polygon(whole)) > 0.9


def test_one_cell_has_an_outline():
    """Of a rectangle of 1 x 1 cells all sides move by the same."""
    found = outlines.outline(np.ones((1, 1), bool), RATIO)
    assert polygons.area(found) > 1.0 and np.abs(found.mean(0) - 0.5).max() < 0.2


def test_cells_that_meet_at_corners_are_one_component():
    """Twenty along a diagonal: once around them it is 20 times the diagonal of a cell there, and as much back."""
    found = outlines.outline(np.eye(20, dtype=bool), RATIO)
    shape = shapely.Polygon(found)
    assert all(shape.contains(shapely.Point(i + 0.5, i + 0.5)) for i in range(20))
    moved = outlines.growing(20.0, 2 * 20 * 2**0.5, RATIO)
    # by the distance to the middles of cells, less half a cell at most, and whole cells
    assert abs(shape.bounds[0] - (0.5 - moved)) < 1.0 and shape.area < (20 * 2**0.5 + 2 * moved) * 2 * (moved + 1)
