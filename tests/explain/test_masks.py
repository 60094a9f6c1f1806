"""Explainers by random masks in expectation, and how much of an object or of another embedding there is, by hand."""

import types

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.tasks._unit_vectors import VectorTargets
from kerasvision.tasks.detection._targets import BoxTarget
from kerasvision.tasks.targets import Asked


class Linear:
    """A score that is a sum of weighted values, asked by numpy alone."""

    def __init__(self, weights):
        self.weights = weights

    def black(self, prepared):
        return np.zeros(prepared.shape)

    def score(self, images, target=None):
        return np.tensordot(images, self.weights, self.weights.ndim)

    def found(self, images, target):
        return images


def shares(length, cells):
    """How a mask's positions along an axis are made of its cells, for each shift: [shifts, length, cells + 1]."""
    side = -(-length // cells)
    table = np.zeros((side, length, cells + 1))
    for shift in range(side):
        for position in range(length):
            at = np.clip((position + shift + 0.5) / side - 0.5, 0, cells)
            low = min(int(at), cells - 1)
            table[shift, position, low] += 1 - (at - low)
            table[shift, position, low + 1] += at - low
    return table


@pytest.mark.parametrize("size", [(8, 9), (4, 6, 5)])
def test_rise_of_a_linear_model_in_expectation(size):
    """Cells are independent, so positions of a mask go together by p (1 - p) times the products of their cells' shares;
    the heat is (1 - p) times what a position goes together with, by each axis for itself. Within 5 standard errors.
    """
    random = np.random.default_rng(0)
    weights, image = random.normal(size=(*size, 2)), random.uniform(0, 255, (*size, 2))
    given, kept, cells = (weights * image).sum(-1), 0.4, 3
    expected = given * (1 - kept)
    for axis, length in enumerate(size):
        table = shares(length, cells)
        together = np.einsum("spk,sqk->pq", table, table) / len(table)
        expected = np.moveaxis(np.tensordot(together, expected, (1, axis)), 0, axis)
    heats = [
        create("explainers/rise", masks=320, grid=cells, kept=kept, seed=seed).heat(Linear(weights), image, None)
        for seed in range(8)
    ]
    error = np.std(heats, 0, ddof=1).mean() / np.sqrt(len(heats))
    assert error < 0.2 * np.abs(expected).max()
    assert np.abs(np.mean(heats, 0) * 320 / 319 - expected).max() < 5 * error


def test_d_rise_counts_what_is_found():
    weights = np.random.default_rng(0).normal(size=(8, 8, 1))
    image = np.random.default_rng(1).uniform(0, 255, (8, 8, 1))

    class Alike:
        def similarity(self, found):
            return np.tensordot(found, weights, 3)

    settings = {"masks": 40, "grid": 3, "seed": 4}
    found = create("explainers/d_rise", **settings).heat(Linear(0 * weights), image, Alike())
    np.testing.assert_allclose(found, create("explainers/rise", **settings).heat(Linear(weights), image, None))
    for settings in ({"masks": 1}, {"grid": 0}, {"kept": 1.0}):
        with pytest.raises(UsageError, match=f"d_rise.{next(iter(settings))}"):
            create("explainers/d_rise", **settings)


def test_how_much_of_an_object_is_there_by_hand():
    """arXiv:2006.03204, equations 2 to 5: IoU, cosine of the scores and largest score, of the best position."""
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 5], [50, 50, 60, 60]]], np.float32)
    seen, later = (
        np.array([rows], np.float32) for rows in ([[0.6, 0.8], [0.1, 0], [1, 0]], [[0, 0.5], [0.9, 0], [1, 1]])
    )
    arch = types.SimpleNamespace(image_size=(64, 64), candidates=lambda found: (tf.constant(boxes), tf.constant(found)))
    target = BoxTarget(arch, (0.0, 0.0, 10.0, 10.0), 0, (0.0, 0.0, 64.0, 64.0)).seen(seen)
    np.testing.assert_allclose(target.classes, [0.6, 0.8])
    np.testing.assert_allclose(target.similarity(seen), [0.8], rtol=1e-5)
    # the same place and other classes: 1 * 0.8 * 0.5; half of the place: 0.5 * 0.6 * 0.9
    np.testing.assert_allclose(target.similarity(later), [0.4], rtol=1e-5)


def test_likeness_of_an_embedding_to_another_is_their_cosine():
    vectors = {"embedding": tf.constant([[3.0, 4.0, 0.0]])}
    other = {"embedding": tf.constant([[0.0, 2.0, 0.0]])}
    (target,) = VectorTargets().choose(vectors, {}, (), Asked(like=other))
    np.testing.assert_allclose(target.score(vectors), [0.8], rtol=1e-6)
    assert target.text == "likeness 0.800"
