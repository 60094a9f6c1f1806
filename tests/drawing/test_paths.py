"""Lines, zones and ways are where they should be, and of a blurred box its details are gone."""

import numpy as np
import pytest
from PIL import Image

from kerasvision.drawing.paths import BLOCKS, Stroke, blurred, with_strokes


def test_of_a_blurred_box_nothing_but_means_of_few_blocks_is_left():
    """Two pictures that differ in every pixel of the box and in no block's mean become one; outside nothing changes."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 190, (80, 100, 3)).astype(np.uint8)
    other, sign = pixels.copy(), np.where(np.indices((60, 60)).sum(0) % 2, 40, -40)[..., None]
    other[10:70, 20:80] = pixels[10:70, 20:80] + sign  # blocks of 10 x 10: as many are lighter as darker
    a, b = (blurred(p, [[20.4, 10.2, 79.5, 69.9]]) for p in (pixels, other))
    np.testing.assert_array_equal(a, b)
    outside = np.ones((80, 100), bool)
    outside[10:70, 20:80] = False
    np.testing.assert_array_equal(a[outside], pixels[outside])
    inside = a[10:70, 20:80].astype(float)
    assert len(np.unique(inside[4:56:10, 4:56:10].reshape(-1, 3), axis=0)) <= BLOCKS**2
    assert inside.mean() == pytest.approx(pixels[10:70, 20:80].mean(), abs=2)
    assert inside.std() < pixels[10:70, 20:80].std() / 3


def test_boxes_that_are_narrow_or_outside_are_blurred_as_far_as_they_go():
    pixels = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    np.testing.assert_array_equal(blurred(pixels, [[-9, -9, -1, -1], [20, 0, 30, 9], [5, 5, 5, 5]]), pixels)
    found = blurred(pixels, [[-5, -5, 10.5, 40]])
    assert (found[:, 11:] == pixels[:, 11:]).all() and (found[:, :11] != pixels[:, :11]).any((1, 2)).all()


def test_strokes_are_drawn_where_they_are():
    gray = np.full((120, 200, 3), 90, np.uint8)
    assert with_strokes(gray, []) is gray
    red = (255, 0, 0)
    drawn = with_strokes(gray, [Stroke(np.array([[20.0, 60], [180, 60]]), red, has_arrow=True)])
    is_red = (drawn == red).all(-1)
    assert is_red[60, 20:180].all() and not is_red[:55].any()
    below = np.flatnonzero(is_red[64:].any(0))  # an arrow to the right of who goes along: down
    assert below.min() >= 90 and below.max() <= 110
    zone = with_strokes(gray, [Stroke(np.array([[20.0, 20], [100, 20], [100, 100], [20, 100]]), red, "hall", True)])
    assert (zone[60, 60] != 90).any() and (zone[60, 150] == 90).all() and (zone[60, 20] == red).all()
    np.testing.assert_array_equal(gray, np.full((120, 200, 3), 90))
    assert Image.fromarray(zone).size == (200, 120)
