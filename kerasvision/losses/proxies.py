"""Losses of embeddings by one vector a class: cross-entropies over cosines, with and without a margin.

All tensors are float32: targets are one-hot [B, K]; cosines [B, K], -1..1, are those of each example's embedding with
each class's vector. All return [B], in nats. scale: what cosines are multiplied by before softmax, for a softmax of
numbers in -1..1 is sure of nothing.
"""

import math

import tensorflow as tf

from kerasvision.losses.classification import softmax_cross_entropy

_FAR = 1e9  # beyond every exponent here
_LEAST = 1e-7  # of a squared sine, whose root has no gradient at 0


def normalized_softmax(targets, cosines, scale):
    """Without a margin: "NormFace" (Wang et al. 2017, arXiv:1704.06369, equation 6). Squared distances of vectors of
    length 1 are 2 - 2 cosine, so that a scale of 2 / T is "ProxyNCA++" at a temperature T (Teh, DeVries, Taylor 2020,
    arXiv:2004.01113, equation 5).
    """
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


def proxy_anchor(targets, cosines, scale, margin):
    """A class's vector is the anchor, and the batch its pairs: log(1 + sum exp(-scale (c - margin))) over the pictures
    of its class, the mean over classes that the batch has, and log(1 + sum exp(scale (c + margin))) over all others,
    the mean over all classes. Every example is given the whole, which is the batch's.

    "Proxy Anchor Loss for Deep Metric Learning" (Kim et al. 2020, arXiv:2003.13911, equation 4).
    """
    own = targets > 0
    pulled = _log_one_plus(tf.where(own, -scale * (cosines - margin), -_FAR))
    pushed = _log_one_plus(tf.where(own, -_FAR, scale * (cosines + margin)))
    there = tf.cast(tf.reduce_any(own, 0), tf.float32)
    total = tf.math.divide_no_nan(tf.reduce_sum(there * pulled), tf.reduce_sum(there)) + tf.reduce_mean(pushed)
    return tf.repeat(total, tf.shape(cosines)[0])


def _log_one_plus(exponents):
    """log(1 + sum exp) over examples, [B, K] -> [K]."""
    return tf.reduce_logsumexp(tf.pad(exponents, [[0, 1], [0, 0]]), 0)
