"""Photometric augmentations against PIL, scikit-image, scipy and numpy.

A drawn factor is read off the result by least squares, then the whole result must be the reference's for that factor.
"""

import colorsys
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage, stats

from kerasvision.core.registry import augmentations
from tests.data.augment.traced import plain

LUMA = np.array([0.299, 0.587, 0.114])


def some_image(seed=0, low=0, high=256, size=(21, 34)):
    return np.random.default_rng(seed).integers(low, high, (*size, 3), np.uint8)


def seed_of(number):
    return tf.constant([9, number])


def applied(name, image, seed=0, **fields):
    moved = augmentations[f"photometric/{name}"](**fields)({"image": tf.constant(image)}, seed_of(seed))["image"]
    return moved.numpy()


def fitted_factor(changed, image, pivot):
    """f of changed = pivot + f (image - pivot), from values that were not clipped."""
    free = (changed > 0) & (changed < 255)
    x, y = (image - pivot)[free], (changed - pivot)[free]
    return (x * y).sum() / (x * x).sum()


def mean_gray(image):
    return (image @ LUMA).mean() * np.ones_like(image, float)


def own_gray(image):
    return (image @ LUMA)[..., None] * np.ones(3)


def smoothed(image):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.SMOOTH), float)


BLENDS = {
    "brightness": (ImageEnhance.Brightness, lambda image: np.zeros_like(image, float)),
    "contrast": (ImageEnhance.Contrast, mean_gray),
    "saturation": (ImageEnhance.Color, own_gray),
    "sharpness": (ImageEnhance.Sharpness, smoothed),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", BLENDS)
def test_blends_as_pil(name, seed):
    enhance, pivot = BLENDS[name]
    image = some_image(seed, 20, 220)
    changed = applied(name, image, seed, **{name: 0.5})
    factor = fitted_factor(changed, image, pivot(image))
    assert 0.495 <= factor <= 1.505
    reference = np.asarray(enhance(Image.fromarray(image)).enhance(factor)).astype(int)
    assert np.abs(changed - reference).max() <= 2  # PIL rounds what it blends with, and truncates
    exact = np.clip(pivot(image) + factor * (image - pivot(image)), 0, 255)
    assert np.abs(changed - exact).max() <= (1.5 if name == "sharpness" else 0.6)


@pytest.mark.parametrize("name", BLENDS)
def test_factors_are_uniform(name):
    pivot = BLENDS[name][1]
    image = some_image(1, 90, 160, (12, 12))
    part = augmentations[f"photometric/{name}"](**{name: 0.4})
    seeds = tf.stack([tf.zeros(300, tf.int32), tf.range(300)], axis=1)
    data = tf.data.Dataset.from_tensor_slices(seeds).map(plain(lambda seed: part({"image": image}, seed)["image"]))
    factors = [fitted_factor(changed, image, pivot(image)) for changed in data.as_numpy_iterator()]
    assert stats.kstest(factors, stats.uniform(0.6, 0.8).cdf).pvalue > 1e-3


def test_large_ranges_never_turn_negative():
    assert min(applied("brightness", some_image(), s, brightness=3.0).mean() for s in range(20)) >= 0
    image = np.full((4, 4, 3), 100, np.uint8)
    factors = [applied("brightness", image, s, brightness=1.5).mean() / 100 for s in range(30)]
    assert max(factors) > 1.5 and max(factors) <= 2.51


@pytest.mark.parametrize("seed", range(3))
def test_hue_as_colorsys(seed):
    image = some_image(seed)
    changed = applied("hue", image, seed, turns=0.3)
    hues = np.array([colorsys.rgb_to_hsv(*p) for p in image.reshape(-1, 3) / 255])
    turned = np.array([colorsys.rgb_to_hsv(*p) for p in changed.reshape(-1, 3) / 255])
    vivid = hues[:, 1] * hues[:, 2] > 0.5
    turns = np.median((turned - hues)[vivid, 0] % 1)
    turns = turns - 1 if turns > 0.5 else turns
    assert 0.005 < abs(turns) <= 0.3
    wanted = np.array([colorsys.hsv_to_rgb((h + turns) % 1, s, v) for h, s, v in hues]).reshape(image.shape) * 255
    assert np.abs(changed - wanted).max() <= 2


@pytest.mark.parametrize("seed", range(3))
def test_color_jitter_is_its_factors(seed):
    """Against float64: brightness, contrast, saturation, then hue in YIQ, clipped and rounded at the end."""
    image = some_image(seed)
    part = augmentations["photometric/color_jitter"]()
    brightness, contrast, saturation, turns = part.factors(seed_of(seed)).numpy().astype(float)
    assert all(0.6 <= f <= 1.4 for f in (brightness, contrast, saturation)) and abs(turns) <= 0.1
    pixels = image * brightness
    pixels = mean_gray(pixels) + contrast * (pixels - mean_gray(pixels))
    pixels = own_gray(pixels) + saturation * (pixels - own_gray(pixels))
    yiq = np.array([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])
    angle = 2 * np.pi * turns
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    pixels = pixels @ (np.linalg.inv(yiq) @ turn @ yiq).T
    changed = part({"image": tf.constant(image)}, seed_of(seed))["image"].numpy()
    assert np.abs(changed - np.clip(pixels, 0, 255)).max() <= 0.51


def test_color_jitter_alone_is_the_single_augmentation():
    image = some_image(5, 60, 180)
    off = dict.fromkeys(("brightness", "contrast", "saturation", "turns"), 0.0)
    np.testing.assert_array_equal(applied("color_jitter", image, **off), image)
    for name in ("brightness", "contrast", "saturation"):
        changed = applied("color_jitter", image, 3, **off | {name: 0.3})
        pivot = BLENDS[name][1](image)
        factor = fitted_factor(changed, image, pivot)
        assert abs(factor - 1) > 0.01
        assert np.abs(changed - (pivot + factor * (image - pivot))).max() < 0.7
    image = some_image(5, 90, 160)
    turned = applied("color_jitter", image, 3, **off | {"turns": 0.2})
    np.testing.assert_allclose(turned @ LUMA, image @ LUMA, atol=1.0)
    assert np.abs(turned.astype(int) - image).max() > 5


@pytest.mark.parametrize("gamma", [0.5, 2.2])
def test_gamma_as_scikit_image(gamma):
    exposure = pytest.importorskip("skimage.exposure")
    image = some_image()
    wanted = 255 * exposure.adjust_gamma(image / 255, gamma)
    assert np.abs(applied("gamma", image, gamma=(gamma, gamma)) - wanted).max() <= 0.51
    assert (applied("gamma", image, gamma=(0.5, 0.9)) >= image).all()


def test_noise_is_normal_with_the_stated_deviation():
    image = np.full((90, 80, 3), 128, np.uint8)
    noise = applied("gaussian_noise", image, stddev=(20.0, 20.0)).astype(float) - 128
    assert abs(noise.mean()) < 4 * 20 / np.sqrt(noise.size)
    assert abs(noise.std() / 20 - 1) < 0.03
    jittered = (noise + np.random.default_rng(0).uniform(-0.5, 0.5, noise.shape)).ravel()  # undoes the rounding
    assert stats.kstest(jittered, stats.norm(0, 20).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05
    strengths = [applied("gaussian_noise", image, s, stddev=(3.0, 9.0)).astype(float).std() for s in range(8)]
    assert min(strengths) > 2.9 and max(strengths) < 9.2 and np.ptp(strengths) > 1
    np.testing.assert_array_equal(applied("gaussian_noise", image, stddev=(0.0, 0.0)), image)


@pytest.mark.parametrize("sigma", [0.7, 2.5])
def test_blur_as_scipy(sigma):
    image, radius = some_image(), int(np.ceil(3 * sigma))
    blurred = ndimage.gaussian_filter(
        image.astype(float), (sigma, sigma, 0), mode="nearest", radius=(radius, radius, 0)
    )
    assert np.abs(applied("blur", image, sigma_px=(sigma, sigma)) - blurred).max() <= 0.51


@pytest.mark.parametrize("quality", [15, 90])
def test_jpeg_as_pil(quality):
    smooth = ndimage.gaussian_filter(some_image(2, size=(64, 48)).astype(float), (2, 2, 0)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(smooth).save(file, "JPEG", quality=quality)
    wanted = np.asarray(Image.open(file)).astype(int)
    changed = applied("jpeg_quality", smooth, quality=(quality, quality))
    assert np.abs(changed - wanted).max() <= 2  # builds of libjpeg differ in the last bit
    assert quality > 50 or np.abs(changed.astype(int) - smooth).max() > 8


def test_jpeg_draws_every_quality():
    smooth = ndimage.gaussian_filter(some_image(2, size=(32, 32)).astype(float), (2, 2, 0)).astype(np.uint8)
    drawn = {applied("jpeg_quality", smooth, s, quality=(50, 52)).tobytes() for s in range(25)}
    fixed = {applied("jpeg_quality", smooth, quality=(q, q)).tobytes() for q in (50, 51, 52)}
    assert drawn == fixed


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_posterize_as_pil(bits):
    image = some_image()
    wanted = np.asarray(ImageOps.posterize(Image.fromarray(image), bits))
    np.testing.assert_array_equal(applied("posterize", image, bits=(bits, bits)), wanted)


@pytest.mark.parametrize("threshold", [0, 100, 256])
def test_solarize_as_pil(threshold):
    image = some_image()
    wanted = np.asarray(ImageOps.solarize(Image.fromarray(image), threshold))
    np.testing.assert_array_equal(applied("solarize", image, threshold=(threshold, threshold)), wanted)


def test_equalize_and_autocontrast_as_pil():
    image = some_image(0, 50, 140)
    wanted = np.asarray(ImageOps.equalize(Image.fromarray(image)))
    np.testing.assert_array_equal(applied("equalize", image, probability=1.0), wanted)
    wanted = np.asarray(ImageOps.autocontrast(Image.fromarray(image))).astype(int)
    assert np.abs(applied("autocontrast", image, probability=1.0) - wanted).max() <= 1  # PIL truncates
    for name in ("equalize", "autocontrast"):
        np.testing.assert_array_equal(applied(name, image, probability=0.0), image)


@pytest.mark.parametrize("name", [n for n in augmentations.names() if n.startswith("photometric/")])
def test_what_is_missing_changes_as_what_is_there(name):
    """The whole picture is changed as one without holes would be, and the image shows what is present of it."""
    part, image = augmentations[name](), tf.constant(some_image())
    present = tf.constant(np.random.default_rng(1).integers(0, 2, (21, 34)), tf.uint8)
    sample = {"image": image * present[..., None], "whole": image, "present": present}
    found = part(sample, seed_of(3))
    np.testing.assert_array_equal(found["whole"], part({"image": image}, seed_of(3))["image"])
    np.testing.assert_array_equal(found["image"], found["whole"] * present[..., None])
