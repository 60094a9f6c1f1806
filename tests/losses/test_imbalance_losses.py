"""Losses for unequal classes: values against float64 numpy, gradients against finite differences."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, softmax

from kerasvision.losses.classification import (
    adjusted_logits,
    expected_cost,
    sigmoid_cross_entropy,
    sigmoid_focal,
    softmax_cross_entropy,
    softmax_focal,
)

B, K = 9, 5
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (B, K))
LABELS = RNG.integers(K, size=B)
ONE_HOT = np.eye(K)[LABELS]
MIXED = 0.3 * ONE_HOT + 0.7 * np.eye(K)[RNG.integers(K, size=B)]
PRESENT = RNG.integers(2, size=(B, K)).astype(float)
PRIOR = np.array([0.5, 0.3, 0.15, 0.04, 0.01])
COSTS = RNG.uniform(0, 5, (K, K)) * (1 - np.eye(K))


def numpy_softmax_focal(logits, targets, gamma, smoothing):
    """Term by term."""
    out = []
    for row, target in zip(logits, targets, strict=True):
        p = softmax(row)
        q = (1 - smoothing) * target + smoothing / len(target)
        out.append(sum(-q[k] * (1 - p[k]) ** gamma * np.log(p[k]) for k in range(len(p))))
    return np.array(out)


def numpy_sigmoid_focal(logits, targets, gamma, smoothing):
    """Lin et al., equations 2 and 4, with both outcomes of a smoothed target."""
    p = expit(logits)
    q = (1 - smoothing) * targets + smoothing / 2
    return (q * -((1 - p) ** gamma) * np.log(p) + (1 - q) * -(p**gamma) * np.log(1 - p)).mean(1)


def numpy_expected_cost(logits, targets, costs):
    return np.array([t @ costs @ softmax(z) for z, t in zip(logits, targets, strict=True)])


def numpy_adjusted(logits, targets, tau):
    return -(targets * log_softmax(logits + tau * np.log(PRIOR), 1)).sum(1)


def adjusted_cross_entropy(targets, logits, tau):
    return softmax_cross_entropy(targets, adjusted_logits(logits, PRIOR, tau))


FOCAL = [(0.5, 0.0), (2.0, 0.0), (5.0, 0.1)]
CASES = [
    *((functools.partial(softmax_focal, gamma=g, label_smoothing=s), numpy_softmax_focal, t, (g, s))
      for g, s in FOCAL for t in (ONE_HOT, MIXED)),
    *((functools.partial(sigmoid_focal, gamma=g, label_smoothing=s), numpy_sigmoid_focal, PRESENT, (g, s))
      for g, s in FOCAL),
    *((functools.partial(expected_cost, costs=COSTS), numpy_expected_cost, t, (COSTS,)) for t in (ONE_HOT, MIXED)),
    *((functools.partial(adjusted_cross_entropy, tau=tau), numpy_adjusted, ONE_HOT, (tau,)) for tau in (0.5, 1.0, 2.0)),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "formula", "targets", "options"), CASES)
def test_value_is_the_formula_s(loss, formula, targets, options):
    got = loss(tf.constant(targets, tf.float32), tf.constant(LOGITS, tf.float32))
    assert got.shape == (B,) and got.dtype == tf.float32
    np.testing.assert_allclose(got, formula(LOGITS, targets, *options), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("loss", "formula", "targets", "options"), CASES)
def test_gradient_is_the_difference_quotient(loss, formula, targets, options):
    logits = tf.Variable(LOGITS, dtype=tf.float64)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(tf.constant(targets, tf.float64), logits))
    expected, step = np.zeros((B, K)), 1e-5
    for at in np.ndindex(B, K):
        move = np.zeros((B, K))
        move[at] = step
        high, low = (formula(LOGITS + sign * move, targets, *options).sum() for sign in (1, -1))
        expected[at] = (high - low) / (2 * step)
    np.testing.assert_allclose(tape.gradient(total, logits), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_focal_with_gamma_zero_is_the_cross_entropy(smoothing):
    logits = tf.constant(LOGITS, tf.float32)
    for focal, plain, targets in (
        (softmax_focal, softmax_cross_entropy, MIXED),
        (sigmoid_focal, sigmoid_cross_entropy, PRESENT),
    ):
        targets = tf.constant(targets, tf.float32)
        np.testing.assert_allclose(focal(targets, logits, 0.0, smoothing), plain(targets, logits, smoothing), rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("focal", [softmax_focal, sigmoid_focal])
def test_extreme_logits_stay_finite(focal, gamma):
    logits = tf.Variable([[200.0, -200.0], [-200.0, 200.0]])
    with tf.GradientTape() as tape:
        values = focal(tf.constant([[1.0, 0.0], [1.0, 0.0]]), logits, gamma)
    assert np.isfinite(tape.gradient(values, logits)).all()
    np.testing.assert_allclose(values, [0.0, 400.0 if focal is softmax_focal else 200.0], atol=1e-6)


def test_adjusted_logits_are_least_where_the_adjusted_posterior_is_the_balanced_one():
    """Ren et al., theorem 1: if softmax(z) are balanced posteriors, softmax(z + log prior) are those of the data."""
    balanced = softmax(LOGITS, 1)
    of_data = balanced * PRIOR / (balanced * PRIOR).sum(1, keepdims=True)
    got = tf.nn.softmax(adjusted_logits(tf.constant(LOGITS, tf.float32), PRIOR))
    np.testing.assert_allclose(got, of_data, atol=1e-6)
