"""Losses for wrong labels against the papers' formulas in float64: values, and gradients by central differences."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.losses.noisy_labels import (
    bootstrapped_cross_entropy,
    co_teaching_losses,
    generalized_cross_entropy,
    reverse_cross_entropy,
)

B, K = 12, 5
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (B, K))
LABELS = RNG.integers(K, size=B)
ONE_HOT = np.eye(K)[LABELS]
MIXED = 0.7 * ONE_HOT + 0.3 * np.roll(ONE_HOT, 1, 1)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def gce(t, z, q):
    return (t * (1 - softmax(z) ** q) / q).sum(1)


def reverse(t, z, a):
    logs = np.array([[max(np.log(v), a) if v > 0 else a for v in row] for row in t])
    return -(softmax(z) * logs).sum(1)


def soft(t, z, beta):
    p = softmax(z)
    return -((beta * t + (1 - beta) * p) * np.log(p)).sum(1)


def hard(t, z, beta):
    p = softmax(z)
    return -((beta * t + (1 - beta) * np.eye(K)[p.argmax(1)]) * np.log(p)).sum(1)


CASES = {
    **{
        f"gce-{q}": (lambda t, z, q=q: generalized_cross_entropy(t, z, q), lambda t, z, q=q: gce(t, z, q))
        for q in (0.1, 0.7, 1.0)
    },
    **{
        f"reverse{a}": (lambda t, z, a=a: reverse_cross_entropy(t, z, a), lambda t, z, a=a: reverse(t, z, a))
        for a in (-4.0, -1.0)
    },
    "soft": (lambda t, z: bootstrapped_cross_entropy(t, z, 0.95), lambda t, z: soft(t, z, 0.95)),
    "hard": (lambda t, z: bootstrapped_cross_entropy(t, z, 0.8, hard=True), lambda t, z: hard(t, z, 0.8)),
}


@pytest.mark.parametrize("targets", [ONE_HOT, MIXED], ids=["one_hot", "mixed"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, targets):
    ours, formula = CASES[name]
    logits = tf.Variable(LOGITS, dtype=tf.float32)
    with tf.GradientTape() as tape:
        values = ours(tf.constant(targets, tf.float32), logits)
        total = tf.reduce_sum(values)
    assert values.shape == (B,) and values.dtype == tf.float32
    np.testing.assert_allclose(values, formula(targets, LOGITS), rtol=2e-5, atol=1e-6)
    h, expected = 1e-6, np.zeros((B, K))
    for k in range(K):
        step = h * np.eye(K)[k]
        expected[:, k] = (formula(targets, LOGITS + step) - formula(targets, LOGITS - step)) / (2 * h)
    np.testing.assert_allclose(tape.gradient(total, logits), expected, rtol=1e-3, atol=1e-5)


def test_the_ends_of_q_are_cross_entropy_and_half_the_absolute_error():
    t, z = tf.constant(ONE_HOT, tf.float32), tf.constant(LOGITS, tf.float32)
    np.testing.assert_allclose(generalized_cross_entropy(t, z, 1e-3), softmax_cross_entropy(t, z), rtol=5e-3)
    absolute = np.abs(ONE_HOT - softmax(LOGITS)).sum(1)
    np.testing.assert_allclose(generalized_cross_entropy(t, z, 1.0), absolute / 2, rtol=1e-5)


def test_extreme_logits_stay_finite():
    logits = tf.Variable([[200.0, -200.0], [-200.0, 200.0]])
    targets = tf.constant([[1.0, 0.0], [1.0, 0.0]])
    for ours, _ in CASES.values():
        with tf.GradientTape() as tape:
            values = ours(targets, logits)
        assert np.isfinite(values).all() and np.isfinite(tape.gradient(values, logits)).all()


@pytest.mark.parametrize("keep", [1.0, 0.75, 0.5, 0.01])
def test_co_teaching_exchanges_the_smallest_losses(keep):
    twin = RNG.normal(0, 2, (B, K))
    t, a, b = (tf.constant(x, tf.float32) for x in (ONE_HOT, LOGITS, twin))
    first, second = (-(ONE_HOT * np.log(softmax(z))).sum(1) for z in (LOGITS, twin))
    count = max(1, int(np.ceil(keep * B - 1e-4)))
    expected = [np.zeros(B), np.zeros(B)]
    for out, mine, others in ((expected[0], first, second), (expected[1], second, first)):
        chosen = np.argsort(others)[:count]
        out[chosen] = mine[chosen] * B / count
    for seen, wanted in zip(co_teaching_losses(t, a, b, keep), expected, strict=True):
        np.testing.assert_allclose(seen, wanted, rtol=2e-5, atol=1e-6)
        assert seen.shape == (B,)


def test_co_teaching_passes_no_gradient_through_the_choice():
    """The gradient is that of the mean cross-entropy over what the other chose."""
    twin = RNG.normal(0, 2, (B, K)).astype(np.float32)
    logits = tf.Variable(LOGITS, dtype=tf.float32)
    with tf.GradientTape() as tape:
        first, _ = co_teaching_losses(tf.constant(ONE_HOT, tf.float32), logits, twin, 0.5)
        total = tf.reduce_mean(first)
    others = -(ONE_HOT * np.log(softmax(twin.astype(np.float64)))).sum(1)
    expected = np.zeros((B, K))
    chosen = np.argsort(others)[: B // 2]
    expected[chosen] = (softmax(LOGITS) - ONE_HOT)[chosen] / (B // 2)
    np.testing.assert_allclose(tape.gradient(total, logits), expected, atol=1e-6)
