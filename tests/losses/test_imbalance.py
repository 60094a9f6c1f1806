"""Focal loss and expected cost against their formulas in float64: values, and gradients by central differences."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.losses.classification import expected_cost, softmax_cross_entropy, softmax_focal

B, K = 9, 4
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (B, K))
ONE_HOT = np.eye(K)[RNG.integers(K, size=B)]
SOFT = 0.6 * ONE_HOT + 0.4 * np.roll(ONE_HOT, 1, 1)
COSTS = (1 - np.eye(K)) * RNG.uniform(0, 5, (K, K))


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def focal_reference(t, z, gamma):
    p = softmax(z)
    return -(t * (1 - p) ** gamma * np.log(p)).sum(1)


def cost_reference(t, z):
    return np.array([sum(t[b, j] * COSTS[j] @ softmax(z)[b] for j in range(K)) for b in range(B)])


CASES = {
    **{
        f"focal-{gamma}": (
            lambda t, z, gamma=gamma: softmax_focal(t, z, gamma),
            lambda t, z, gamma=gamma: focal_reference(t, z, gamma),
        )
        for gamma in (0.5, 1.0, 2.0)
    },
    "cost": (lambda t, z: expected_cost(t, z, COSTS.tolist()), cost_reference),
}


@pytest.mark.parametrize("targets", [ONE_HOT, SOFT], ids=["one-hot", "soft"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name, targets):
    ours, reference = CASES[name]
    t, z = tf.constant(targets, tf.float32), tf.constant(LOGITS, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = ours(t, z)
    np.testing.assert_allclose(value, reference(targets, LOGITS), rtol=1e-5, atol=1e-6)
    expected, step = np.zeros((B, K)), 1e-5
    for k in range(K):
        moved = step * np.eye(K)[k]
        expected[:, k] = (reference(targets, LOGITS + moved) - reference(targets, LOGITS - moved)) / (2 * step)
    np.testing.assert_allclose(tape.gradient(value, z), expected, rtol=1e-3, atol=1e-4)


def test_focal_without_focus_is_the_cross_entropy_and_finite_when_sure():
    t, z = tf.constant(ONE_HOT, tf.float32), tf.constant(LOGITS, tf.float32)
    np.testing.assert_allclose(softmax_focal(t, z, 0.0), softmax_cross_entropy(t, z), rtol=1e-6)
    sure = tf.constant(80.0 * ONE_HOT, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(sure)
        value = softmax_focal(t, sure, 0.5)
    assert np.isfinite(value).all() and np.isfinite(tape.gradient(value, sure)).all()
