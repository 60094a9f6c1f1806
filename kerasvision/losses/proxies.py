"""Losses of embeddings by one vector a class: cross-entropies over cosines, with and without a margin.

All tensors are float32: targets are one-hot [B, K]; cosines [B, K], -1..1, are those of each example's embedding with
each class's vector. All return [B], in nats. scale: what cosines are multiplied by before softmax, for a softmax of
numbers in -1..1 is sure of nothing.
"""

import math

import tensorflow as tf

from kerasvision.losses.classification import softmax_cross_entropy

_LEAST = 1e-7  # of a squared sine, whose root has no gradient at 0


def normalized_softmax(targets, cosines, scale):
    """Without a margin: "NormFace" (Wang et al. 2017, arXiv:1704.06369, equation 6)."""
    return softmax_cross_entropy(targets, scale * cosines)


def cosface(targets, cosines, scale, margin):
    """The own class's cosine less a margin: "CosFace" (Wang et al. 2018, arXiv:1801.09414, equation 4)."""
    return softmax_cross_entropy(targets, scale * (cosines - margin * targets))


def arcface(targets, cosines, scale, margin):
    """The own class's angle and a margin, in radians: "ArcFace" (Deng et al. 2019, arXiv:1801.07698, equation 3).

    Where the sum is beyond half a turn, where the cosine would rise again, it is cos(angle) - margin sin(margin), as in
    the authors' code.
    """
    sine = tf.sqrt(tf.maximum(1.0 - cosines * cosines, _LEAST))
    moved = cosines * math.cos(margin) - sine * math.sin(margin)
    moved = tf.where(cosines > -math.cos(margin), moved, cosines - margin * math.sin(margin))
    return softmax_cross_entropy(targets, scale * tf.where(targets > 0, moved, cosines))
