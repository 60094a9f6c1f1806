"""Preparing by operators that every TFLite interpreter has: the client's numpy, which knows nothing of it, agrees."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.edge.independent.fitting import fit
from kerasvision.ops import any_size

SIZE = (24, 40)
SIDES = ((24, 40), (1, 7), (53, 77), (131, 61), (23, 300), (64, 48))  # odd, tiny, enlarged, shrunk by one axis or both
WAYS = (("bilinear", "area"), ("bilinear", "none"), ("bicubic", "area"), ("nearest", "none"), ("area", "none"))


def rules(resize, resample="bilinear", antialias="none"):
    held = {"letterbox": {"gray": 114}, "crop_fraction": 0.875}
    return {"size_hw": list(SIZE), "resize": resize, "resample": resample, "antialias": antialias} | held


@pytest.mark.parametrize("way", WAYS, ids="-".join)
@pytest.mark.parametrize("resize", any_size.PLACES)
def test_pixels_and_places_are_the_clients(resize, way):
    asked = rules(resize, *way)
    for number, sides in enumerate(SIDES):
        picture = np.random.default_rng(number).integers(0, 256, (*sides, 3), np.uint8)
        wanted, places = fit(picture, asked)
        pixels, geometry = any_size.fit(tf.constant(picture[None]), asked)
        away = np.abs(pixels[0].numpy().astype(int) - wanted)
        assert away.max() <= 1 and (away > 0).mean() < 0.02, (sides, away.max(), (away > 0).mean())
        assert (pixels.dtype, pixels.shape) == (tf.uint8, (1, *SIZE, 3))
        for key, value in places.items():
            np.testing.assert_allclose(geometry[key][0], value, rtol=1e-6, atol=1e-6)


def test_means_of_long_sides_are_exact():
    """40,000 rows, half of them white: running sums of 10 million, of which each difference is a mean."""
    rows = np.repeat(np.uint8([255, 0]), 20_000)
    pixels, _ = any_size.fit(tf.constant(np.tile(rows[None, :, None, None], (1, 1, 40, 3))), rules("stretch", "area"))
    np.testing.assert_array_equal(pixels[0, :, 0, 0], np.repeat([255, 0], 12))


def test_a_place_that_is_whole_is_in_its_pixel():
    """24 of 60 rows look at 2.5 * (i + 0.5) pixels: in whole numbers 5 * (2 i + 1) // 4."""
    picture = np.arange(60, dtype=np.uint8)[None, :, None, None] * np.ones((1, 1, 40, 3), np.uint8)
    pixels, _ = any_size.fit(tf.constant(picture), rules("stretch", "nearest"))
    np.testing.assert_array_equal(pixels[0, :, 0, 0], [(5 * (2 * i + 1)) // 4 for i in range(24)])


def test_windows_have_no_size_of_their_own():
    with pytest.raises(ValueError, match="resize 'windows'; allowed: stretch, letterbox, center_crop"):
        any_size.fit(tf.zeros((1, 4, 4, 3), tf.uint8), rules("windows"))
