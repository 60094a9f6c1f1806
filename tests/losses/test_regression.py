"""Losses of numbers against numpy, scikit-learn and the negative log-likelihood of scipy's normal distribution."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.metrics import mean_pinball_loss

from kerasvision.losses import regression as losses

RNG = np.random.default_rng(0)
T, Y = RNG.normal(0, 2, (2, 9, 3))
LEVELS = (0.1, 0.5, 0.8)


def huber(t, y, delta):
    e = np.abs(y - t)
    return np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).mean(1)


CASES = {
    "squared": (losses.squared, lambda t, y: ((t - y) ** 2).mean(1)),
    "huber": (losses.huber, lambda t, y: huber(t, y, 1.0)),
    "huber-0.3": (lambda t, y: losses.huber(t, y, 0.3), lambda t, y: huber(t, y, 0.3)),
    "log_cosh": (losses.log_cosh, lambda t, y: np.log(np.cosh(y - t)).mean(1)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    ours, formula = CASES[name]
    y = tf.Variable(Y, dtype=tf.float32)
    with tf.GradientTape() as tape:
        values = ours(tf.constant(T, tf.float32), y)
        total = tf.reduce_sum(values)
    assert values.shape == (9,) and values.dtype == tf.float32
    np.testing.assert_allclose(values, formula(T, Y), rtol=1e-5, atol=1e-6)
    h, expected = 1e-6, np.zeros(Y.shape)
    for k in range(3):
        step = h * np.eye(3)[k]
        expected[:, k] = (formula(T, Y + step) - formula(T, Y - step)) / (2 * h)
    np.testing.assert_allclose(tape.gradient(total, y), expected, rtol=1e-3, atol=1e-5)


def test_log_cosh_does_not_overflow():
    np.testing.assert_allclose(
        losses.log_cosh(tf.constant([[0.0]]), tf.constant([[1e6]])), [1e6 - np.log(2)], rtol=1e-6
    )


def test_pinball_is_scikit_learn_s():
    quantiles = RNG.normal(0, 2, (9, 3, 3))
    seen = losses.pinball(tf.constant(T, tf.float32), tf.constant(quantiles, tf.float32), LEVELS)
    assert seen.shape == (9,)
    expected = np.mean([mean_pinball_loss(T, quantiles[..., i], alpha=a) for i, a in enumerate(LEVELS)])
    assert seen.numpy().mean() == pytest.approx(expected, rel=1e-5)


def test_pinball_is_least_at_the_quantile():
    draws = np.sort(RNG.exponential(size=1001)).astype(np.float32)
    grid = np.linspace(0, 4, 401, dtype=np.float32)
    for level in LEVELS:
        sums = [losses.pinball(draws[:, None], tf.fill([1001, 1, 1], g), (level,)).numpy().sum() for g in grid]
        assert grid[np.argmin(sums)] == pytest.approx(np.quantile(draws, level), abs=0.02)


def test_heteroscedastic_is_the_normal_likelihood_without_its_constant():
    s = RNG.normal(0, 1, T.shape)
    seen = losses.heteroscedastic(*(tf.constant(x, tf.float32) for x in (T, Y, s)))
    expected = -stats.norm.logpdf(T, Y, np.exp(s / 2)).mean(1) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(seen, expected, rtol=2e-5, atol=1e-5)
