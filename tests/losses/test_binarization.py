"""Losses of differentiable binarization, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.losses import binarization


def of(values):
    """[1, h, w, 1] of rows."""
    return tf.constant(np.float32(values)[None, ..., None])


def logit(p):
    return np.log(p / (1 - p))


def test_the_binary_map_is_equation_3():
    found = binarization.binary_map(of(logit(np.float64([[0.3, 0.32, 0.9]]))), of(logit(np.float64([[0.3, 0.3, 0.3]]))))
    np.testing.assert_allclose(found.numpy().ravel(), [0.5, 1 / (1 + np.exp(-1.0)), 1.0], atol=1e-5)


def test_three_negatives_for_each_positive_are_counted_the_hardest():
    targets = np.zeros((2, 4))
    targets[0, 0], targets[1, 3] = 1, -1  # one positive, one of no account, six negatives
    said = np.float64([[0.7, 0.1, 0.2, 0.3], [0.4, 0.05, 0.6, 0.99]])
    wanted = -np.log(0.7) - np.log(1 - 0.6) - np.log(1 - 0.4) - np.log(1 - 0.3)
    found = binarization.mined_cross_entropy(of(targets), of(logit(said)))
    assert found.numpy()[0] == pytest.approx(wanted / 4, rel=1e-5)


def test_fewer_negatives_than_wanted_are_all_counted():
    found = binarization.mined_cross_entropy(of([[1, 1, 0]]), of(logit(np.float64([[0.5, 0.5, 0.2]]))))
    assert found.numpy()[0] == pytest.approx((2 * np.log(2) - np.log(0.8)) / 3, rel=1e-5)


@pytest.mark.parametrize(("cells", "counted"), [(63, 0), (64, 1), (128, 2)])
def test_a_picture_without_text_teaches_its_hardest_cells(cells, counted):
    said = np.linspace(0.05, 0.9, cells)[None]
    found = binarization.mined_cross_entropy(of(np.zeros((1, cells))), of(logit(said))).numpy()[0]
    assert found == pytest.approx(-np.log(1 - said[0, cells - counted :]).mean() if counted else 0.0, rel=1e-5)


def test_examples_of_a_batch_are_mined_alone():
    rng = np.random.default_rng(0)
    targets, logits = rng.integers(0, 2, (3, 8, 8, 1)).astype(np.float32), rng.normal(size=(3, 8, 8, 1))
    targets[1] = 0
    logits = tf.constant(logits, tf.float32)
    together = binarization.mined_cross_entropy(tf.constant(targets), logits)
    alone = [binarization.mined_cross_entropy(tf.constant(targets[i : i + 1]), logits[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_dice_counts_what_is_of_account():
    found = binarization.binary_dice(of([[1, 1, 0, -1]]), of([[1.0, 0.5, 0.25, 1.0]]))
    assert found.numpy()[0] == pytest.approx(1 - (2 * 1.5 + 1) / (1.75 + 2 + 1), rel=1e-6)
    assert binarization.binary_dice(of([[0, 0]]), of([[0.0, 0.0]])).numpy()[0] == 0.0


def test_borders_are_learned_where_they_are():
    logits = of(logit(np.float64([[0.5, 0.3, 0.9]])))
    found = binarization.border_distance(of([[0.7, 0.3, -1]]), logits)
    assert found.numpy()[0] == pytest.approx(0.1, rel=1e-5)
    assert binarization.border_distance(of([[-1, -1, -1]]), logits).numpy()[0] == 0.0
