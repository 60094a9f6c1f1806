"""Global response normalization against its definition in numpy, at its start, and of what is 0."""

import numpy as np
import tensorflow as tf

from kerasvision.layers.response import GlobalResponseNormalization


def layer_of(gamma, beta):
    layer = GlobalResponseNormalization()
    layer.build((None, None, None, len(gamma)))
    layer.set_weights([np.float32(gamma), np.float32(beta)])
    return layer


def test_it_is_algorithm_1():
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=4), rng.normal(size=4)
    for example, made in zip(x, layer_of(gamma, beta)(tf.constant(x, tf.float32)).numpy(), strict=True):
        response = np.array([np.linalg.norm(example[..., channel]) for channel in range(4)])
        share = response / (response.mean() + 1e-6)
        np.testing.assert_allclose(made, gamma * (example * share) + beta + example, atol=1e-5)


def test_at_first_it_changes_nothing_and_zeros_have_no_part():
    x = tf.constant(np.random.default_rng(1).normal(size=(1, 4, 4, 3)), tf.float32)
    np.testing.assert_array_equal(layer_of([0, 0, 0], [0, 0, 0])(x), x)
    layer = layer_of([1, 2, 3], [0, 0, 0])
    wide = tf.pad(x, [[0, 0], [0, 3], [2, 0], [0, 0]])
    np.testing.assert_allclose(layer(wide)[:, :4, 2:], layer(x), rtol=1e-6)


def test_silence_has_a_finite_slope():
    layer, x = layer_of([1, 1], [0, 0]), tf.zeros([1, 2, 2, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        made = layer(x)
    np.testing.assert_array_equal(made, x)
    assert np.isfinite(tape.gradient(made, x)).all()


def test_half_precision_sums_in_full():
    layer = GlobalResponseNormalization(dtype="mixed_float16")
    x = tf.fill([1, 64, 64, 2], tf.constant(200.0, tf.float16))  # whose squares are no float16
    layer.build(x.shape)
    layer.set_weights([np.float32([1, 1]), np.float32([0, 0])])
    np.testing.assert_allclose(layer(x), 400.0, rtol=2e-3)
