"""What attacks make is moved as far as a proof reaches, and no further; a mean over noisy copies is what it says."""

import runpy

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tests.pipelines.drawn import FOLDER

SCRIPT = runpy.run_path(str(FOLDER / "measure_certified.py"))


@pytest.mark.parametrize("longer", [0.1, 1.0, 30.0])
def test_a_change_becomes_as_long_as_its_own_radius(longer):
    rng = np.random.default_rng(0)
    images = rng.integers(40, 216, (6, 28, 28, 3), dtype=np.uint8)
    radii = np.array([0.2, 0.3, 0.5, 0.8, 1.2, 2.0])
    found = (images + longer * rng.standard_normal(images.shape)).clip(0, 255).astype(np.float32)
    moved = SCRIPT["inside"](images, found, radii)
    lengths = np.sqrt(np.square(moved / 255 - images / 255).sum((1, 2, 3)))
    assert moved.dtype == np.uint8
    assert (lengths <= radii).all()
    assert (lengths >= 0.95 * radii).all()


def test_pixels_that_cannot_move_further_do_not_keep_the_others_from_it():
    """Of the first picture nine tenths are one step from white, and the rest moves much less; all of the second one."""
    images = np.full((2, 10, 10, 3), 254, np.uint8)
    images[0, 0] = 100
    change = np.ones(images.shape, np.float32)
    change[0, 0] = 0.01
    moved = SCRIPT["inside"](images, images + change, np.array([1.0, 1.0]))
    lengths = np.sqrt(np.square(moved / 255 - images / 255).sum((1, 2, 3)))
    assert 0.95 <= lengths[0] <= 1.0 and (moved[1] == 255).all() and lengths[1] < 0.1


def test_a_change_of_nothing_stays_one():
    images = np.full((1, 4, 4, 3), 9, np.uint8)
    assert (SCRIPT["inside"](images, images.astype(np.float32), np.array([1.0])) == images).all()
    assert (SCRIPT["inside"](images, images + np.float32(1), np.array([0.0])) == images).all()


class Step:
    """Two classes, told apart by the one pixel: a cliff, which has no slope."""

    arch = None

    def logits(self, images):
        return 40.0 * tf.sign(images[:, 0, 0, :1] - 0.5) * tf.constant([[1.0, -1.0]])


def test_the_mean_over_noise_is_the_integral_of_the_cliff():
    """The share of copies beyond a cliff is the normal distribution's (Cohen et al. 2019, section 3.1)."""
    noisy = SCRIPT["Noisy"](Step(), sigma=0.25)
    pixels = np.linspace(0.3, 0.7, 5, dtype=np.float32)
    images = np.repeat(pixels, 500)[:, None, None, None]
    shares = np.exp(noisy.logits(tf.constant(images)).numpy()[:, 0]).reshape(5, 500).mean(1)
    error = 5 * 0.5 / np.sqrt(500 * SCRIPT["COPIES"])
    assert np.abs(shares - scipy.stats.norm.cdf((pixels - 0.5) / 0.25)).max() <= error


def test_each_attack_is_given_a_ball_inside_of_the_proven_one():
    for name in (*SCRIPT["BY_L2"], *SCRIPT["BY_LINF"]):
        attack = SCRIPT["of_radius"](name, 0.5, 2352)
        assert attack.radius * (np.sqrt(2352) if attack.norm == "linf" else 1) <= 0.5 + 1e-9
