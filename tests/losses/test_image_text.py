"""Losses of pictures and texts against their formulas, written in numpy with loops, and what equal texts leave out."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.layers.learned_scale import MOST, LearnedScale
from kerasvision.losses import image_text as losses

RNG = np.random.default_rng(3)
COUNT, SCALE, BIAS = 6, 5.0, -2.0
TEXTS = np.array([0, 1, 2, 3, 1, 4])  # the second and the fifth are one


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


PICTURES, WORDS = unit(RNG.normal(size=(COUNT, 4))), unit(RNG.normal(size=(COUNT, 4)))


def cross_entropy(cosines, i, texts):
    """-log of the share of number i among all that are not the same text."""
    held = [j for j in range(COUNT) if j == i or texts[j] != texts[i]]
    return -np.log(np.exp(SCALE * cosines[i]) / sum(np.exp(SCALE * cosines[j]) for j in held))


def contrastive(texts):
    of_images, of_texts = PICTURES @ WORDS.T, WORDS @ PICTURES.T
    return [(cross_entropy(of_images[i], i, texts) + cross_entropy(of_texts[i], i, texts)) / 2 for i in range(COUNT)]


def sigmoid(texts):
    out = []
    for i in range(COUNT):
        logits = SCALE * PICTURES[i] @ WORDS.T + BIAS
        signs = [1 if j == i else -1 for j in range(COUNT)]
        out.append(
            sum(
                -np.log(1 / (1 + np.exp(-z * logit)))
                for j, (z, logit) in enumerate(zip(signs, logits, strict=True))
                if j == i or texts[j] != texts[i]
            )
        )
    return out


def asked(loss, texts, rows=slice(None)):
    """The loss of some rows among all pairs, as a replica has it."""
    pictures, words, places = (tf.constant(v, tf.float32) for v in (PICTURES, WORDS, np.arange(COUNT)[rows]))
    equal, places = tf.constant(texts[rows, None] == texts[None]), tf.cast(places, tf.int32)
    of_images = tf.matmul(pictures[rows], words, transpose_b=True)
    scale = tf.fill([len(places), 1], SCALE)
    if loss == "sigmoid":
        return losses.sigmoid_pairs(of_images, places, equal, scale, tf.fill([len(places), 1], BIAS)).numpy()
    of_texts = tf.matmul(words[rows], pictures, transpose_b=True)
    return losses.symmetric_contrastive(of_images, of_texts, places, equal, scale).numpy()


@pytest.mark.parametrize(("name", "formula"), [("contrastive", contrastive), ("sigmoid", sigmoid)])
def test_values_are_those_of_the_formula_and_of_each_replica_its_own(name, formula):
    for texts in (np.arange(COUNT), TEXTS):
        np.testing.assert_allclose(asked(name, texts), formula(texts), rtol=1e-5)
        halves = [asked(name, texts, part) for part in (slice(0, 3), slice(3, 6))]
        np.testing.assert_allclose(np.concatenate(halves), formula(texts), rtol=1e-5)
    apart = np.subtract(formula(np.arange(COUNT)), formula(TEXTS))
    assert (apart[[1, 4]] > 1e-3).all() and not apart[[0, 2, 3, 5]].any(), "equal texts leave out their own pairs alone"


def test_a_picture_alone_has_nothing_to_be_told_from():
    one, place, equal = tf.constant([[0.3]]), tf.constant([0]), tf.constant([[True]])
    assert losses.symmetric_contrastive(one, one, place, equal, tf.constant([[SCALE]])).numpy().tolist() == [0.0]


def test_the_scale_is_clipped_and_may_fall_again():
    layer = LearnedScale(50.0, -3.0)
    rows = tf.zeros([2, 4])
    np.testing.assert_allclose(layer(rows), [[50.0, -3.0]] * 2, rtol=1e-6)
    layer.log_scale.assign(np.log(2 * MOST))
    with tf.GradientTape() as tape:
        found = layer(rows)
    np.testing.assert_allclose(found[:, 0], MOST, rtol=1e-6)
    assert tape.gradient(found, layer.log_scale).numpy() == pytest.approx(2 * MOST, rel=1e-5)
    assert LearnedScale(10.0)(rows).shape == (2, 1)
