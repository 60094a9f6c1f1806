"""Losses of embedders against pytorch-metric-learning 2.9.0 (torch 2.13, float64): values and gradients.

`goldens/metric_learning.npz` holds twelve embeddings `e` of four classes in turn, class vectors `w`, and of its
`CircleLoss` (m=0.4, gamma=80) and `ProxyAnchorLoss` (margin=0.1, alpha=32) the values and their gradients by the
embeddings.
"""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.tasks.embedding._compared import PairLoss
from kerasvision.tasks.embedding.proxies import ProxyLoss

HELD = dict(np.load(pathlib.Path(__file__).parents[1] / "goldens" / "metric_learning.npz"))
LABELS = np.arange(12) % 4


def circle(embeddings):
    return PairLoss(contrastive=0.0, circle=1.0)(tf.constant(LABELS), embeddings)["circle"]


def anchor(embeddings):
    rows, vectors = (tf.math.l2_normalize(tf.cast(part, tf.float32), -1) for part in (embeddings, HELD["w"]))
    loss = ProxyLoss(normalized_softmax=0.0, proxy_anchor=1.0, scale=32.0)
    return loss(tf.one_hot(LABELS, 4), tf.matmul(rows, vectors, transpose_b=True))["proxy_anchor"]


@pytest.mark.parametrize(("name", "loss"), [("circle", circle), ("anchor", anchor)])
def test_values_and_gradients_are_those_of_the_peer(name, loss):
    embeddings = tf.constant(HELD["e"], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        found = tf.reduce_mean(loss(embeddings))
    assert float(found) == pytest.approx(float(HELD[name]), rel=1e-5)
    np.testing.assert_allclose(tape.gradient(found, embeddings), HELD[f"{name}_g"], rtol=1e-4, atol=1e-4)
