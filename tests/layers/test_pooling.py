"""Pooling against numpy, and through TFLite and quantization-aware training."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.layers.pooling import GeM, pool, spatial_pyramid

MAPS = np.random.default_rng(0).gamma(1.0, size=(3, 7, 5, 4)).astype(np.float32)


def pooled(kind, maps=MAPS):
    x = keras.Input(maps.shape[1:])
    return keras.Model(x, pool(x, kind, "pool"))


def test_average_and_max():
    np.testing.assert_allclose(pooled("average")(MAPS), MAPS.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(pooled("max")(MAPS), MAPS.max((1, 2)), rtol=1e-6)


def test_gem_is_the_power_mean():
    model = pooled("gem")
    np.testing.assert_allclose(model(MAPS), (MAPS.astype(np.float64) ** 3).mean((1, 2)) ** (1 / 3), rtol=1e-5)
    (p,) = model.trainable_variables
    for power in (1.0, 2.5, 7.0):
        p.assign(power)
        expected = (MAPS.astype(np.float64) ** power).mean((1, 2)) ** (1 / power)
        np.testing.assert_allclose(model(MAPS), expected, rtol=1e-4)
    p.assign(1.0)
    np.testing.assert_allclose(model(MAPS), MAPS.mean((1, 2)), rtol=1e-5)


def test_gem_learns_its_power():
    """The gradient against a central difference of the formula in float64."""
    model = pooled("gem")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(MAPS))
    maps, h = MAPS.astype(np.float64), 1e-5
    above, below = (((maps**p).mean((1, 2)) ** (1 / p)).sum() for p in (3 + h, 3 - h))
    np.testing.assert_allclose(tape.gradient(total, model.trainable_variables)[0], (above - below) / (2 * h), rtol=1e-3)


def test_gem_of_negative_and_zero_values_is_finite():
    maps = np.concatenate([np.zeros((1, 2, 2, 3)), -np.ones((1, 2, 2, 3))]).astype(np.float32)
    x = tf.constant(maps)
    layer = GeM()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    gradients = tape.gradient(y, [x, layer.p])
    np.testing.assert_allclose(y, np.full((2, 3), 1e-6), rtol=1e-3)
    assert all(np.isfinite(np.asarray(g)).all() for g in gradients)


def test_gem_in_half_precision_does_not_overflow():
    layer = GeM(dtype="mixed_float16")
    y = layer(tf.constant(np.full((1, 4, 4, 2), 60.0), tf.float16))  # 60**3 is beyond float16
    assert y.dtype == tf.float16
    np.testing.assert_allclose(y, 60.0, rtol=2e-3)


def test_gem_is_saved_with_its_configuration():
    layer = GeM.from_config(GeM(p=4.0, epsilon=1e-3, name="gem").get_config())
    np.testing.assert_allclose(layer(MAPS), (np.maximum(MAPS, 1e-3) ** 4).mean((1, 2)) ** 0.25, rtol=1e-5)


def windows(side, bins):
    """[(start, stop)] by the paper: n windows, stride floor(side / n), reaching the border."""
    n = min(bins, side)
    stride = side // n
    size = side - (n - 1) * stride
    return [(i * stride, i * stride + size) for i in range(n)]


@pytest.mark.parametrize("shape", [(13, 13), (7, 5), (4, 4), (3, 2), (1, 1), (1, 6), (10, 9)])
def test_spatial_pyramid_is_the_maximum_of_each_window(shape):
    maps = np.random.default_rng(1).normal(size=(2, *shape, 3)).astype(np.float32)
    grids = {(min(n, shape[0]), min(n, shape[1])): n for n in (4, 2, 1)}
    expected = []
    for n in sorted(grids.values()):
        for top, bottom in windows(shape[0], n):
            expected += [maps[:, top:bottom, a:b].max((1, 2)) for a, b in windows(shape[1], n)]
    np.testing.assert_array_equal(pooled("spatial_pyramid", maps)(maps), np.concatenate(expected, -1))


@pytest.mark.parametrize(("side", "bins"), [(13, 3), (13, 2), (13, 1), (10, 3), (10, 2), (13, 4)])
def test_windows_are_the_papers(side, bins):
    """He et al. give ceil(a / n) and floor(a / n) for a 13 x 13 map and n = 3, 2, 1 (figure 4)."""
    assert {b - a for a, b in windows(side, bins)} == {math.ceil(side / bins)}


def test_spatial_pyramid_covers_every_pixel():
    for side in range(1, 40):
        for bins in (1, 2, 3, 4, 6):
            covered = {i for a, b in windows(side, bins) for i in range(a, b)}
            assert covered == set(range(side))


def test_spatial_pyramid_needs_a_fixed_size():
    with pytest.raises(KerasVisionError, match="needs a fixed image_size"):
        spatial_pyramid(keras.Input((None, None, 3)), "pool")


def test_an_unknown_kind_lists_the_known():
    with pytest.raises(KerasVisionError, match="pooling='mean'; allowed: average, max, gem, spatial_pyramid"):
        pool(keras.Input((4, 4, 3)), "mean", "pool")


def convert(kind, quantize):
    model = pooled(kind)
    function = tf.function(lambda x: {"y": model(x)}, input_signature=[tf.TensorSpec([1, 7, 5, 4], name="x")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], model)
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([m[None]] for m in MAPS)
    return converter.convert()


@pytest.mark.parametrize("kind", ["average", "max", "gem", "spatial_pyramid"])
@pytest.mark.parametrize("quantize", [False, True], ids=["float", "int8"])
def test_pooling_converts_to_tflite(kind, quantize):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(model_content=convert(kind, quantize))
    seen = np.stack([interpreter.get_signature_runner()(x=m[None])["y"][0] for m in MAPS])
    expected = np.asarray(pooled(kind)(MAPS))
    step = MAPS.max() / 255  # one rounding of the input, one of the output, one between
    np.testing.assert_allclose(seen, expected, rtol=1e-5, atol=3 * step if quantize else 1e-6)


@pytest.mark.parametrize("kind", ["average", "max", "spatial_pyramid"])
def test_pooling_goes_through_quantization_aware_training(kind):
    quantization = pytest.importorskip("tensorflow_model_optimization").quantization.keras
    x = keras.Input((7, 5, 4))
    y = keras.layers.Conv2D(4, 1, name="conv")(x)
    model = keras.Model(x, keras.layers.Dense(2)(pool(y, kind, "pool")))
    assert quantization.quantize_model(model)(MAPS).shape == (3, 2)
