"""Strips cut out of pictures: against scikit-image's projective map and scipy's interpolation, and slices."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from skimage.transform import ProjectiveTransform

from kerasvision.edge.pages.rectify import moved, perspective, rectified

IMAGE = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
QUADS = [
    [[10, 12], [60, 15], [58, 30], [9, 26]],
    [[50, 40], [20, 45], [18, 25], [52, 22]],  # upside down
    [[-5, 5], [40, -3], [42, 12], [-4, 21]],  # beyond the picture
]


@pytest.mark.parametrize("quad", QUADS)
def test_the_map_is_that_of_scikit_image(quad):
    size = (64, 16)
    corners = np.array([[0, 0], [64, 0], [64, 16], [0, 16]], float)
    theirs = ProjectiveTransform.from_estimate(corners, np.array(quad, float))
    points = np.random.default_rng(1).uniform(0, 16, (20, 2)) * [4, 1]
    np.testing.assert_allclose(moved(perspective(quad, size), points), theirs(points), atol=1e-6)
    np.testing.assert_allclose(moved(perspective(quad, size), corners), quad, atol=1e-9)


@pytest.mark.parametrize("quad", QUADS)
def test_pixels_are_those_of_scipy(quad):
    w, h = 50, 14
    x, y = np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5)
    places = moved(perspective(quad, (w, h)), np.stack([x, y], -1)) - 0.5
    for channel in range(3):
        theirs = map_coordinates(
            IMAGE[..., channel].astype(float), [places[..., 1], places[..., 0]], order=1, mode="nearest"
        )
        mine = rectified(IMAGE, quad, (w, h))[..., channel]
        assert np.abs(mine - theirs).max() <= 0.5 + 1e-3


def test_an_upright_box_of_its_own_size_is_a_slice():
    quad = [[7, 9], [37, 9], [37, 29], [7, 29]]
    np.testing.assert_array_equal(rectified(IMAGE, quad, (30, 20)), IMAGE[9:29, 7:37])
    flipped = [quad[2], quad[3], quad[0], quad[1]]
    np.testing.assert_array_equal(rectified(IMAGE, flipped, (30, 20)), IMAGE[9:29, 7:37][::-1, ::-1])


def test_what_shrinks_by_more_than_two_is_averaged():
    quad = [[0, 0], [80, 0], [80, 60], [0, 60]]
    means = IMAGE.reshape(15, 4, 20, 4, 3).mean((1, 3))
    assert np.abs(rectified(IMAGE, quad, (20, 15)) - means).max() <= 0.5 + 1e-3
    half = rectified(IMAGE, quad, (40, 30))  # by two it is not: the middle between four pixels
    means = IMAGE.reshape(30, 2, 40, 2, 3).mean((1, 3))
    assert np.abs(half - means).max() <= 0.5 + 1e-3
