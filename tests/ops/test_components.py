"""Components and holes of masks, against what was drawn."""

import numpy as np
import pytest

from kerasvision.ops.components import filled, largest
from kerasvision.ops.dense import IGNORE


@pytest.mark.parametrize("axes", [2, 3])
def test_the_largest_component_of_each_class_is_kept(axes):
    mask = np.zeros((12,) * axes, np.uint8)
    at = (slice(0, 3),) * (axes - 2)
    mask[(*at, slice(1, 5), slice(1, 5))] = 1
    mask[(*at, slice(8, 10), slice(8, 10))] = 1
    mask[(*at, slice(6, 7), slice(1, 3))] = 2
    mask[(*at, slice(11, 12), slice(11, 12))] = IGNORE
    expected = mask.copy()
    expected[(*at, slice(8, 10), slice(8, 10))] = 0
    before = mask.copy()
    np.testing.assert_array_equal(largest(mask), expected)
    np.testing.assert_array_equal(mask, before)


def test_corners_do_not_connect():
    mask = np.zeros((4, 4), np.uint8)
    mask[0, 0] = mask[1, 1] = mask[1, 2] = 1
    assert largest(mask).sum() == 2
    assert largest(mask)[0, 0] == 0


@pytest.mark.parametrize("axes", [2, 3])
def test_holes_are_filled_with_what_encloses_them(axes):
    mask = np.zeros((9,) * axes, np.uint8)
    mask[(slice(1, 6),) * axes] = 1
    mask[(3,) * axes] = 0  # a hole
    mask[(2,) * axes] = 2  # another class inside is no hole
    mask[(7,) * axes] = 2
    expected = mask.copy()
    expected[(3,) * axes] = 1
    np.testing.assert_array_equal(filled(mask), expected)


def test_a_ring_open_to_the_border_has_no_hole():
    mask = np.ones((5, 5), np.uint8)
    mask[2, 2:] = 0
    np.testing.assert_array_equal(filled(mask), mask)


@pytest.mark.parametrize("value", [0, 1, IGNORE])
def test_empty_and_full_masks_stay(value):
    mask = np.full((3, 4, 5), value, np.uint8)
    np.testing.assert_array_equal(largest(mask), mask)
    np.testing.assert_array_equal(filled(mask), mask)
