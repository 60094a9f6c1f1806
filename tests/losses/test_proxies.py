"""Losses of class vectors against numpy: angles, not cosines, and finite differences."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from kerasvision.core.errors import UsageError
from kerasvision.losses import proxies as losses
from kerasvision.tasks.embedding.proxies import ProxyLoss

RNG = np.random.default_rng(3)
TARGETS = np.eye(4)[[0, 1, 2, 3, 0]]
COSINES = RNG.uniform(-0.95, 0.95, (5, 4))
COSINES[4, 0] = -0.95  # so far away that a margin leads beyond half a turn
SCALE, MARGIN = 16.0, 0.5


def by_angles(name, cosines):
    angles = np.arccos(cosines)
    beyond = angles + MARGIN > np.pi
    own = {
        "normalized_softmax": cosines,
        "cosface": cosines - MARGIN,
        "arcface": np.where(beyond, cosines - MARGIN * np.sin(MARGIN), np.cos(angles + MARGIN)),
    }[name]
    return -(TARGETS * log_softmax(SCALE * np.where(TARGETS > 0, own, cosines), 1)).sum(1)


def anchored(cosines):
    """Class by class, with loops; the batch has pictures of three of four classes."""
    pulled, pushed, labels = [], [], np.array([0, 1, 2, 2, 0])
    for k in range(4):
        if (labels == k).any():
            pulled.append(np.log(1 + sum(np.exp(-SCALE * (c - 0.1)) for c in cosines[labels == k, k])))
        pushed.append(np.log(1 + sum(np.exp(SCALE * (c + 0.1)) for c in cosines[labels != k, k])))
    return np.mean(pulled) + np.mean(pushed)


def test_proxy_anchor_is_its_formula():
    given, targets = tf.constant(COSINES, tf.float32), tf.constant(np.eye(4)[[0, 1, 2, 2, 0]], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = losses.proxy_anchor(targets, given, SCALE, 0.1)
    np.testing.assert_allclose(found, [anchored(COSINES)] * 5, rtol=1e-5)
    np.testing.assert_allclose(ProxyLoss(proxy_anchor=0.5)(targets, given)["proxy_anchor"], 0.5 * found, rtol=1e-6)
    step, expected = 1e-6, np.zeros_like(COSINES)
    for place in np.ndindex(COSINES.shape):
        moved = np.zeros_like(COSINES)
        moved[place] = step
        expected[place] = 5 * (anchored(COSINES + moved) - anchored(COSINES - moved)) / (2 * step)
    np.testing.assert_allclose(tape.gradient(found, given), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["normalized_softmax", "cosface", "arcface"])
def test_values_and_gradients_are_those_of_the_formula(name):
    given, margin = tf.constant(COSINES, tf.float32), () if name == "normalized_softmax" else (MARGIN,)
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = getattr(losses, name)(tf.constant(TARGETS, tf.float32), given, SCALE, *margin)
    np.testing.assert_allclose(found, by_angles(name, COSINES), rtol=1e-5, atol=1e-5)
    step, expected = 1e-6, np.zeros_like(COSINES)
    for place in np.ndindex(COSINES.shape):
        moved = np.zeros_like(COSINES)
        moved[place] = step
        expected[place] = (by_angles(name, COSINES + moved) - by_angles(name, COSINES - moved)).sum() / (2 * step)
    np.testing.assert_allclose(tape.gradient(found, given), expected, rtol=1e-4, atol=1e-4)


def test_a_margin_is_finite_where_vectors_fall_together_or_are_opposite():
    given = tf.constant([[1.0, -1.0], [-1.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = losses.arcface(tf.constant([[1.0, 0.0], [1.0, 0.0]]), given, SCALE, MARGIN)
    assert np.isfinite(found).all() and np.isfinite(tape.gradient(found, given)).all()


def test_terms_are_summed_by_their_weights_and_checked():
    targets, cosines = tf.constant(TARGETS, tf.float32), tf.constant(COSINES, tf.float32)
    both = ProxyLoss(normalized_softmax=0.5, arcface=2.0)(targets, cosines)
    assert set(both) == {"normalized_softmax", "arcface"}
    np.testing.assert_allclose(both["arcface"], 2 * by_angles("arcface", COSINES), rtol=1e-5, atol=1e-5)
    for fields, says in (
        (
            {"normalized_softmax": 0.0},
            "ProxyLoss: normalized_softmax=0, cosface=0, arcface=0, proxy_anchor=0; give weights",
        ),
        ({"scale": 0.0}, r"model.objective.scale=0; allowed: 0 to inf"),
        ({"angle_margin": 1.6}, r"model.objective.angle_margin=1.6; allowed: 0 to 1.6"),
    ):
        with pytest.raises(UsageError, match=says):
            ProxyLoss(**fields)
