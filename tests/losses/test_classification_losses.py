"""Cross-entropies against float64 numpy, term by term as the papers write them."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss

from kerasvision.losses.classification import sigmoid_cross_entropy, softmax_cross_entropy

GRID = [(1, 2), (7, 3), (64, 10), (5, 1000)]


def drawn(batch, classes, scale=4.0):
    rng = np.random.default_rng(batch * 1000 + classes)
    return rng, rng.normal(0, scale, (batch, classes)).astype(np.float32)


def log_softmax(logits):
    logits = logits.astype(np.float64)
    top = logits.max(1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize(("batch", "classes"), GRID)
def test_softmax_cross_entropy_is_the_paper_s_sum(batch, classes, smoothing):
    """Szegedy et al. 2016, section 7: q'(k) = (1 - e) [k = y] + e / K; the loss is - sum q'(k) log p(k)."""
    rng, logits = drawn(batch, classes)
    labels = rng.integers(classes, size=batch)
    expected = []
    for row, y in zip(log_softmax(logits), labels, strict=True):
        terms = [((1 - smoothing) * (k == y) + smoothing / classes) * row[k] for k in range(classes)]
        expected.append(-sum(terms))
    got = softmax_cross_entropy(tf.one_hot(labels, classes), logits, smoothing).numpy()
    assert got.shape == (batch,) and got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-5)


def test_softmax_cross_entropy_is_scikit_learn_s_log_loss():
    rng, logits = drawn(64, 10)
    labels = np.concatenate([np.arange(10), rng.integers(10, size=54)])
    got = softmax_cross_entropy(tf.one_hot(labels, 10), logits).numpy().mean()
    assert got == pytest.approx(log_loss(labels, np.exp(log_softmax(logits))), rel=1e-5)


def test_softmax_cross_entropy_takes_mixed_targets():
    """Mixup and cutmix give distributions: the loss is linear in them."""
    _, logits = drawn(6, 4)
    a, b = tf.one_hot([0, 1, 2, 3, 0, 1], 4), tf.one_hot([3, 3, 0, 1, 2, 2], 4)
    mixed = softmax_cross_entropy(0.3 * a + 0.7 * b, logits, 0.1)
    apart = 0.3 * softmax_cross_entropy(a, logits, 0.1) + 0.7 * softmax_cross_entropy(b, logits, 0.1)
    np.testing.assert_allclose(mixed, apart, rtol=1e-5)


def test_softmax_gradient_is_probability_minus_target():
    _, logits = drawn(5, 6)
    targets = tf.one_hot([0, 1, 2, 3, 5], 6)
    with tf.GradientTape() as tape:
        variable = tf.Variable(logits)
        total = tf.reduce_sum(softmax_cross_entropy(targets, variable, 0.2))
    smoothed = targets.numpy() * 0.8 + 0.2 / 6
    np.testing.assert_allclose(tape.gradient(total, variable), np.exp(log_softmax(logits)) - smoothed, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize(("batch", "classes"), GRID)
def test_sigmoid_cross_entropy_is_the_mean_of_binary_ones(batch, classes, smoothing):
    rng, logits = drawn(batch, classes)
    targets = rng.integers(2, size=(batch, classes)).astype(np.float32)
    z = logits.astype(np.float64)
    q = (1 - smoothing) * targets + smoothing / 2
    expected = (q * np.logaddexp(0, -z) + (1 - q) * np.logaddexp(0, z)).mean(1)
    got = sigmoid_cross_entropy(targets, logits, smoothing).numpy()
    assert got.shape == (batch,) and got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("loss", "wrong"), [(softmax_cross_entropy, 400.0), (sigmoid_cross_entropy, 200.0)])
def test_extreme_logits_stay_finite(loss, wrong):
    logits = tf.constant([[200.0, -200.0], [-200.0, 200.0]])
    targets = tf.constant([[1.0, 0.0], [1.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = loss(targets, logits)
    assert np.isfinite(tape.gradient(values, logits)).all()
    np.testing.assert_allclose(values, [0.0, wrong], atol=1e-6)
