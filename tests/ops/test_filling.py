"""Fillings of missing pixels against scipy and against what they must keep."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kerasvision.ops import filling


def scene(seed, size=(24, 37), share=0.4):
    rng = np.random.default_rng(seed)
    pixels = np.float32(rng.uniform(0, 255, (1, *size, 3)))
    present = np.float32(
        ndimage.gaussian_filter(rng.normal(size=size), 2) > np.quantile(rng.normal(size=500), share) / 9
    )
    return pixels, present[None, ..., None]


@pytest.mark.parametrize("how", ["zero", "mean", "nearest", "inpaint"])
def test_what_is_known_stays_and_what_is_missing_does_not_count(how):
    pixels, present = scene(0)
    filled = filling.fill(pixels, present, how).numpy()
    np.testing.assert_array_equal(filled[0][present[0, ..., 0] > 0], pixels[0][present[0, ..., 0] > 0])
    other = np.where(present > 0, pixels, np.float32(1e6))
    np.testing.assert_array_equal(filling.fill(other, present, how), filled)


@pytest.mark.parametrize("how", ["zero", "mean", "nearest", "inpaint"])
def test_an_image_of_which_nothing_is_known_becomes_black(how):
    pixels, _ = scene(0)
    assert not filling.fill(pixels, np.zeros((1, 24, 37, 1), np.float32), how).numpy().any()


def test_mean_is_that_of_known_pixels():
    pixels, present = scene(1)
    filled = filling.fill(pixels, present, "mean").numpy()[0]
    known = present[0, ..., 0] > 0
    np.testing.assert_allclose(filled[~known], np.tile(pixels[0][known].mean(0), ((~known).sum(), 1)), rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_nearest_is_as_near_as_scipy_finds(seed):
    """Of equally near ones either may be taken, so distances are compared; jump flooding is rarely off by one step."""
    _, present = scene(seed)
    known = present[0, ..., 0] > 0
    rows, columns = np.indices(known.shape, np.float32)
    places = np.stack([rows, columns, 0 * rows], -1)[None]
    found = filling.fill(places, present, "nearest").numpy()[0, ..., :2]
    distance = np.hypot(*(found - places[0, ..., :2]).transpose(2, 0, 1))
    exact = ndimage.distance_transform_edt(~known)
    off = distance - exact
    assert off.min() > -1e-4
    assert (off > 1e-4).mean() < 0.01 and off.max() < 1.0


def test_inpainting_continues_a_constant_exactly_and_stays_within_the_known_range():
    pixels, present = scene(2)
    flat = np.full_like(pixels, 77.0)
    np.testing.assert_allclose(filling.fill(flat, present, "inpaint"), flat, rtol=1e-5)
    filled = filling.fill(pixels, present, "inpaint").numpy()
    known = pixels[0][present[0, ..., 0] > 0]
    assert filled.min() >= known.min() - 1e-2 and filled.max() <= known.max() + 1e-2


def test_inpainting_follows_a_slope_better_than_the_mean():
    ramp = np.float32(np.tile(np.linspace(0, 255, 32)[None, None, :, None], (1, 32, 1, 3)))
    present = np.ones((1, 32, 32, 1), np.float32)
    present[:, 10:22, 10:22] = 0
    errors = {how: np.abs(filling.fill(ramp, present, how).numpy() - ramp).max() for how in ("mean", "inpaint")}
    assert errors["inpaint"] < 0.5 * errors["mean"]


def test_fillings_are_the_same_in_a_graph():
    pixels, present = scene(3)
    for how in ("mean", "nearest", "inpaint"):
        traced = tf.function(lambda p, m, how=how: filling.fill(p, m, how), autograph=False)
        np.testing.assert_allclose(traced(pixels, present), filling.fill(pixels, present, how), rtol=1e-5)
