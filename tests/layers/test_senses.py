"""Layers over several senses, by their definitions."""

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.layers.senses import DropSenses, SharedSum, Shares, StandIn


@pytest.mark.parametrize("rate", [0.3, 0.6])
def test_senses_are_dropped_at_their_rate_and_never_all(rate):
    """Of two senses both fall with a chance of rate^2, and then both stay: each is there in 1 - rate + rate^2."""
    keras.utils.set_random_seed(3)
    flags = np.ones((20_000, 2), np.float32)
    kept = DropSenses(rate)(flags, training=True).numpy()
    assert (kept.max(1) == 1).all() and set(np.unique(kept)) == {0.0, 1.0}
    wanted = 1 - rate + rate**2
    assert np.abs(kept.mean(0) - wanted).max() < 5 * np.sqrt(wanted * (1 - wanted) / len(flags))
    lone = np.tile(np.float32([1, 0]), (500, 1))
    np.testing.assert_array_equal(DropSenses(rate)(lone, training=True), lone)
    np.testing.assert_array_equal(DropSenses(rate)(flags), flags)


def test_what_is_missing_is_a_learned_vector_and_has_no_share():
    vector, there = np.float32([[1, 2, 3], [4, 5, 6]]), np.float32([[1], [0]])
    layer = StandIn()
    found = layer([vector, there]).numpy()
    np.testing.assert_array_equal(found, [vector[0], layer.token.numpy()])
    scores, flags = np.float32([[0.5, 2.0, -1.0]] * 2), np.float32([[1, 1, 1], [1, 0, 1]])
    shares = Shares()([scores, flags]).numpy()
    for row, score, flag in zip(shares, scores, flags, strict=True):
        alone = np.exp(score) * flag
        np.testing.assert_allclose(row, alone / alone.sum(), rtol=1e-6)
    vectors = [np.float32([[n, 2 * n], [3 * n, n]]) for n in (1, 2, 3)]
    summed = SharedSum()([*vectors, shares]).numpy()
    np.testing.assert_allclose(summed, sum(v * shares[:, n : n + 1] for n, v in enumerate(vectors)), rtol=1e-6)
