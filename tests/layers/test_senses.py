"""Layers over several senses, by their definitions."""

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.layers.senses import (
    ClassToken,
    Columns,
    DropSenses,
    Evidence,
    FeatureTokens,
    FirstToken,
    Modulate,
    SharedSum,
    Shares,
    StandIn,
)


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


def test_shares_add_up_whatever_a_missing_sense_scores():
    scores = np.float32([[-3.0, 600.0, -2.0], [-500.0, 1.0, 2.0], [7.0, 7.0, 7.0]])
    flags = np.float32([[1, 0, 1], [0, 0, 1], [0, 0, 0]])
    shares = Shares()([scores, flags]).numpy()
    alone = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(shares, [[1 - alone, 0, alone], [0, 0, 1], [0, 0, 0]], rtol=1e-5)


def test_evidence_is_a_sum_of_what_is_there():
    own, there = np.float32([[1, -2], [3, 4]]), np.float32([[1], [0]])
    layer = Evidence()
    np.testing.assert_array_equal(layer([own, 2 * own, there, 1 - there]), [[1, -2], [6, 8]])
    layer.factors.assign([0.5, 2.0])
    layer.prior.assign([10.0, 20.0])
    np.testing.assert_array_equal(layer([own, 2 * own, there, 1 - there]), [[10.5, 19], [22, 36]])
    assert [w.name for w in layer.trainable_weights] == ["evidence/prior:0"]


def test_a_map_is_modulated_by_its_condition():
    x, gamma, beta = np.float32(np.arange(12).reshape(1, 2, 3, 2)), np.float32([[0.0, -1.0]]), np.float32([[5.0, 7.0]])
    found = Modulate()([x, gamma, beta]).numpy()
    np.testing.assert_array_equal(found[..., 0], x[..., 0] + 5)
    assert (found[..., 1] == 7).all()


def test_each_number_is_a_token_of_its_own():
    layer = FeatureTokens(4)
    values = np.float32([[2.0, 0.0, 1, 0], [2.0, 3.0, 1, 1]])  # of the first example the second number is not known
    found = layer(values).numpy()
    assert found.shape == (2, 2, 1, 4)
    value, known, bias = (w.numpy() for w in (layer.value, layer.known, layer.bias))
    np.testing.assert_allclose(found[:, 0, 0], np.tile(2 * value[0] + known[0] + bias[0], (2, 1)), rtol=1e-6)
    np.testing.assert_allclose(found[:, 1, 0], [bias[1], 3 * value[1] + known[1] + bias[1]], rtol=1e-6)
    tokens = ClassToken()
    joined = tokens(found).numpy()
    np.testing.assert_array_equal(joined[:, 1:], found)
    np.testing.assert_array_equal(FirstToken()(joined), np.tile(tokens.token.numpy()[0], (2, 1)))
    np.testing.assert_array_equal(Columns(1, 2)(values), values[:, 1:3])
