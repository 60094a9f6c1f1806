"""Cosines with several vectors a class against numpy, class by class."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.layers.cosines import Cosines

UNITS, CENTERS, WIDE = 3, 4, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, WIDE)).astype(np.float32)


def layer_of(**fields):
    layer = Cosines(UNITS, CENTERS, **fields)
    found = layer(tf.constant(X)).numpy()
    return layer, found, layer.kernel.numpy().reshape(WIDE, UNITS, CENTERS).astype(np.float64)


def cosines_with(vectors):
    """[N, UNITS, CENTERS] by the definition."""
    norms = np.linalg.norm(X.astype(np.float64), axis=1)[:, None, None] * np.linalg.norm(vectors, axis=0)[None]
    return np.einsum("nd,duc->nuc", X, vectors) / norms


def test_of_several_centers_the_nearest_counts():
    _, found, vectors = layer_of()
    np.testing.assert_allclose(found, cosines_with(vectors).max(-1), atol=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_with_a_temperature_all_count_by_their_softmax(temperature):
    _, found, vectors = layer_of(temperature=temperature)
    cosines = cosines_with(vectors)
    shares = np.exp(cosines / temperature) / np.exp(cosines / temperature).sum(-1, keepdims=True)
    np.testing.assert_allclose(found, (shares * cosines).sum(-1), atol=1e-6)
    assert (found < cosines.max(-1)).all()


def test_centers_of_a_class_are_drawn_together_by_their_distances():
    """arXiv:1909.05235, equation 8: the sum of distances over ordered pairs, over classes times K (K - 1)."""
    layer, _, vectors = layer_of(merge=0.2)
    unit = vectors / np.linalg.norm(vectors, axis=0)
    pairs = list(itertools.combinations(range(CENTERS), 2))
    apart = sum(np.linalg.norm(unit[:, u, a] - unit[:, u, b]) for u in range(UNITS) for a, b in pairs)
    (loss,) = layer.losses
    np.testing.assert_allclose(loss, 0.2 * apart / (UNITS * CENTERS * (CENTERS - 1)), rtol=1e-5)
    layer.kernel.assign(np.repeat(layer.kernel.numpy()[:, ::CENTERS], CENTERS, axis=1))  # one place for all of a class
    with tf.GradientTape() as tape:
        (loss,) = layer.losses
    assert float(loss) < 1e-4 and np.isfinite(tape.gradient(loss, layer.kernel)).all()


def test_one_center_is_what_it_was_and_a_graph_comes_back_with_its_centers():
    layer = Cosines(UNITS)
    found = layer(tf.constant(X)).numpy()
    vectors = layer.kernel.numpy()[:, :, None].astype(np.float64)
    np.testing.assert_allclose(found, cosines_with(vectors)[..., 0], atol=1e-6)
    assert not layer.losses
    fields = {"units": UNITS, "centers": CENTERS, "temperature": 0.1, "merge": 0.2}
    assert (
        fields.items() <= Cosines.from_config(layer_of(temperature=0.1, merge=0.2)[0].get_config()).get_config().items()
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"centers": 0}, "model.centers=0; allowed: 1 vector a class, or more"),
        ({"centers": 2, "centers_merge": -1.0}, "model.centers_merge=-1; allowed: 0 or more"),
        ({"centers_temperature": 0.1}, "model.centers_temperature=0.1 says something of several centers"),
    ],
)
def test_centers_that_mean_nothing_are_one_line(fields, message):
    with pytest.raises(UsageError, match=message):
        create("embedding/proxies", **fields)
