"""The loss of lines against the sum over all paths, written out."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.losses.ctc import ctc

T, K = 5, 2
LINES = [[0, 1], [0, 0], [1], [], [0, 1, 0, 1], [1, 1, 1]]  # the last needs all five frames


def said(path):
    """Equal neighbors joined, then blanks (K) dropped."""
    return [k for k, _ in itertools.groupby(path) if k != K]


def expected(line, logits):
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    paths = [p for p in itertools.product(range(K + 1), repeat=T) if said(p) == line]
    return -np.log(sum(np.prod([shares[t, k] for t, k in enumerate(p)]) for p in paths))


@pytest.fixture(scope="module")
def batch():
    logits = np.random.default_rng(3).normal(0, 2, (len(LINES), T, K + 1))
    padded = np.full((len(LINES), T), -1, np.int32)
    for row, line in zip(padded, LINES, strict=True):
        row[: len(line)] = line
    return padded, logits


def test_it_is_the_sum_over_all_paths(batch):
    padded, logits = batch
    found = ctc(tf.constant(padded), tf.constant(logits, tf.float32))
    np.testing.assert_allclose(found, [expected(*pair) for pair in zip(LINES, logits, strict=True)], rtol=1e-5)


def test_its_gradient_is_that_of_the_sum(batch):
    """Central differences of the sum, in float64."""
    padded, logits = batch
    with tf.GradientTape() as tape:
        variable = tf.Variable(logits, dtype=tf.float32)
        loss = tf.reduce_sum(ctc(tf.constant(padded), variable))
    found = tape.gradient(loss, variable).numpy()
    step = 1e-5
    for b, t, k in ((0, 0, 0), (0, 3, 2), (1, 2, 0), (2, 4, 1), (3, 1, 2), (4, 2, 0), (5, 1, 2)):
        sides = []
        for sign in (1, -1):
            moved = logits[b].copy()
            moved[t, k] += sign * step
            sides.append(expected(LINES[b], moved))
        assert found[b, t, k] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-4)


def test_a_line_without_a_path_has_no_finite_loss():
    """[0, 0, 0] needs five frames."""
    found = [float(ctc(tf.constant([[0, 0, 0]]), tf.zeros([1, frames, K + 1]))[0]) for frames in (4, 5)]
    assert np.isinf(found[0]) and found[1] == pytest.approx(T * np.log(K + 1))
