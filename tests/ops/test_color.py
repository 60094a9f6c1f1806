"""`ops.color` against PIL, scikit-image, scipy and numpy."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from kerasvision.ops import color
from kerasvision.ops.geometry import as_uint8


def some_image(seed=0, size=(23, 31)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def narrow_image(seed=0):
    """Values 40..190, so that little is clipped."""
    return np.random.default_rng(seed).integers(40, 191, (23, 31, 3), np.uint8)


def as_float(image):
    return tf.cast(image, tf.float32)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.3])
def test_saturation_as_pil(factor):
    image = some_image()
    ours = as_uint8(color.mix(as_float(image), color.saturation_matrix(factor))).numpy().astype(int)
    assert np.abs(ours - np.asarray(ImageEnhance.Color(Image.fromarray(image)).enhance(factor))).max() <= 1


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.3])
def test_contrast_as_pil(factor):
    image = some_image(1)
    ours = as_uint8(color.jitter(as_float(image), 1.0, factor, 1.0, 0.0)).numpy().astype(int)
    # PIL rounds the mean, and truncates
    assert np.abs(ours - np.asarray(ImageEnhance.Contrast(Image.fromarray(image)).enhance(factor))).max() <= 1


@pytest.mark.parametrize("turns", [-0.5, -0.1, 0.07, 0.25])
def test_hue_as_a_turn_in_yiq(turns):
    skimage_color = pytest.importorskip("skimage.color")
    image = some_image(2)
    yiq = skimage_color.rgb2yiq(image)
    turned = (yiq[..., 1] + 1j * yiq[..., 2]) * np.exp(2j * np.pi * turns)
    wanted = 255 * skimage_color.yiq2rgb(np.stack([yiq[..., 0], turned.real, turned.imag], -1))
    ours = color.mix(as_float(image), color.hue_matrix(turns)).numpy()
    np.testing.assert_allclose(ours, wanted, atol=0.2)  # scikit-image's coefficients have more digits


def test_hue_keeps_gray_and_luma():
    gray = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, -1)
    turned = color.mix(as_float(gray), color.hue_matrix(0.3)).numpy()
    np.testing.assert_allclose(turned, gray, atol=1e-3)
    image = some_image(3)
    turned = color.mix(as_float(image), color.hue_matrix(0.3)).numpy()
    np.testing.assert_allclose(turned @ color.LUMA, image @ np.array(color.LUMA), atol=1e-3)


@pytest.mark.parametrize("order", ["bcsh", "hscb", "cbhs", "shbc"])
def test_jitter_is_its_four_steps_in_any_order(order):
    image = narrow_image()
    factors = {"b": 1.1, "c": 0.8, "s": 1.2, "h": 0.03}

    def step(pixels, kind, factor):  # float64, unclipped
        gray = (pixels @ np.array(color.LUMA))[..., None]
        if kind == "b":
            return pixels * factor
        if kind == "c":
            return factor * pixels + (1 - factor) * gray.mean()
        if kind == "s":
            return factor * pixels + (1 - factor) * gray
        yiq = np.array([color.LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])
        angle = 2 * np.pi * factor
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        return pixels @ (np.linalg.inv(yiq) @ turn @ yiq).T

    wanted = image.astype(float)
    for kind in order:
        wanted = step(wanted, kind, factors[kind])
    ours = color.jitter(as_float(image), *factors.values()).numpy()
    np.testing.assert_allclose(ours, wanted, atol=2e-3)


def test_mean_gray():
    image = some_image(4)
    wanted = (image.reshape(-1, 3).mean(0) * color.LUMA).sum()
    np.testing.assert_allclose(color.mean_gray(as_float(image)), wanted, rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.4, 1.0, 2.2])
def test_gamma_as_formula(gamma):
    wanted = [round(255 * (x / 255) ** gamma) for x in range(256)]
    np.testing.assert_array_equal(color.gamma_table(gamma), wanted)


def test_lookup_a_channel():
    image, tables = some_image(5), np.random.default_rng(0).integers(0, 256, (3, 256), np.uint8)
    wanted = np.stack([tables[c][image[..., c]] for c in range(3)], -1)
    np.testing.assert_array_equal(color.lookup(tf.constant(image), tf.constant(tables)), wanted)
    np.testing.assert_array_equal(color.lookup(tf.constant(image), tf.constant(tables[0])), tables[0][image])


@pytest.mark.parametrize("image", [some_image(6), narrow_image(), np.full((9, 7, 3), 80, np.uint8)])
def test_equalize_as_pil(image):
    wanted = np.asarray(ImageOps.equalize(Image.fromarray(image)))
    np.testing.assert_array_equal(color.lookup(tf.constant(image), color.equalize_tables(tf.constant(image))), wanted)


def test_equalize_a_photograph_as_pil():
    image = pytest.importorskip("skimage.data").astronaut()[::3, ::2]
    wanted = np.asarray(ImageOps.equalize(Image.fromarray(image)))
    np.testing.assert_array_equal(color.lookup(tf.constant(image), color.equalize_tables(tf.constant(image))), wanted)


@pytest.mark.parametrize("image", [narrow_image(), np.full((9, 7, 3), 80, np.uint8)])
def test_autocontrast_as_pil(image):
    wanted = np.asarray(ImageOps.autocontrast(Image.fromarray(image))).astype(int)
    ours = color.lookup(tf.constant(image), color.autocontrast_tables(tf.constant(image))).numpy()
    assert np.abs(ours - wanted).max() <= 1  # PIL truncates


@pytest.mark.parametrize("size", [(23, 31), (3, 3), (2, 5), (1, 1)])
def test_smoothed_as_pil(size):
    from PIL import ImageFilter

    image = some_image(7, size)
    wanted = np.asarray(Image.fromarray(image).filter(ImageFilter.SMOOTH)).astype(int)
    assert np.abs(color.smoothed(as_float(image)).numpy() - wanted).max() <= 1


@pytest.mark.parametrize(("sigma", "radius"), [(0.6, 2), (2.0, 6), (5.0, 15)])
@pytest.mark.parametrize("size", [(23, 31), (8, 8), (1, 1)])
def test_blur_as_scipy(sigma, radius, size):
    image = some_image(8, size).astype(np.float32)
    wanted = ndimage.gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest", radius=(radius, radius, 0))
    np.testing.assert_allclose(color.gaussian_blur(tf.constant(image), sigma, radius), wanted, atol=1e-3)
