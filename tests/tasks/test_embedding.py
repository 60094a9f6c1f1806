"""What embedders decide for themselves: lengths, targets, words, and fields that mean nothing."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.layers.cosines import Cosines
from kerasvision.tasks.embedding._compared import PairLoss
from kerasvision.tasks.targets import Asked

RNG = np.random.default_rng(4)


def tiny(name="embedding/pairs", **fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    return create(name, **{"dimension": 6, "image_size": (16, 16), "backbone": backbone} | fields)


def test_an_embedding_has_length_1_and_a_vector_of_zeros_stays_finite():
    rows = np.float32(RNG.normal(0, 50, (3, 6)))
    found = tiny().decode({"embedding": tf.constant(np.vstack([rows, np.zeros((1, 6))]), tf.float32)}, {})["embedding"]
    np.testing.assert_allclose(found[:3], rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-6)
    assert not found[3].numpy().any()


def test_the_distance_of_two_files_is_that_of_their_vectors():
    a = np.float32([[1, 0], [0, 1], [1, 0]])
    b = np.float32([[1, 0], [0, -1], [np.cos(0.1), np.sin(0.1)]])
    error, flip = tiny().compare({"embedding": a}, {"embedding": b})
    np.testing.assert_allclose(error, [0, 2, 2 * np.sin(0.05)], atol=1e-6)
    assert not flip.any()


def test_cosines_are_of_angles_whatever_the_lengths():
    layer = Cosines(3)
    x = np.float32(RNG.normal(size=(5, 4)))
    found = layer(x).numpy()
    kernel = layer.kernel.numpy()
    lengths = np.linalg.norm(x, axis=1, keepdims=True) * np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(found, x @ kernel / lengths, atol=1e-6)
    layer.kernel.assign(7 * kernel)
    np.testing.assert_allclose(layer(3 * x), found, atol=1e-6)


def test_directions_of_classes_are_apart_for_any_number_of_classes():
    found = tiny().direction(tf.range(500)).numpy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    cosines = found @ found.T - 3 * np.eye(500)
    assert cosines.max() < 1 - 1e-5


def test_the_target_of_an_explanation_is_how_far_the_vector_reaches():
    raw = {"embedding": tf.constant(RNG.normal(size=(1, 6)), tf.float32)}
    (target,) = tiny().targets().choose(raw, {}, ("a", "b"))
    assert target.score(raw).numpy() == pytest.approx([np.linalg.norm(raw["embedding"])], rel=1e-5)
    with pytest.raises(UsageError, match="--label says nothing to this model"):
        tiny().targets().choose(raw, {}, ("a", "b"), Asked(label=("a",)))


@pytest.mark.parametrize("pooling", ["max", "gem"])
def test_poolings(pooling):
    graph = tiny(pooling=pooling).build()
    assert graph.output["embedding"].shape == (None, 6)
    assert any("gem" in type(layer).__name__.lower() for layer in graph.layers) == (pooling == "gem")


def test_it_is_shown_by_its_first_numbers():
    arch = tiny()
    described = arch.describe({"embedding": np.float32([0.6, 0.8, 0, 0, 0, 0])}, ())
    assert arch.showing.in_words(described) == "6 numbers: 0.600, 0.800, 0.000, 0.000, ..."
    assert arch.showing.rows(described)[1] == {"number": 1, "value": 0.8}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: tiny(dimension=1), "model.dimension=1; allowed: 2 or more"),
        (lambda: tiny(dropout=1.0), "model.dropout=1; allowed: 0 to less than 1"),
        (lambda: tiny("embedding/proxies").build(), "needs at least two classes and has num_classes=0"),
        (
            lambda: PairLoss(contrastive=0.0),
            "PairLoss: batch_hard=0, semi_hard=0, contrastive=0, multi_similarity=0, circle=0, distance_weighted=0",
        ),
        (lambda: PairLoss(temperature=0.0), "model.objective.temperature=0; allowed: numbers above 0"),
    ],
)
def test_what_makes_no_embedder_is_one_line(make, says):
    with pytest.raises((UsageError, KerasVisionError), match=says):
        make()
