"""Losses of turned rectangles told by each cell of a map: "EAST: An Efficient and Accurate Scene Text Detector" (Zhou
et al. 2017, arXiv:1704.03155, section 3.4.2).
"""

import tensorflow as tf


def overlap(targets, found, there):
    """[B]: the mean over cells of -log of the IoU of two rectangles of one turn around a cell (equations 9 and 10).

    targets, found: [B, h, w, 4], distances of a cell from the upper, right, lower and left side, found ones above 0.
    there: [B, h, w], 1 at cells that count, 0 elsewhere.
    """
    safe, found = (tf.where(there[..., None] > 0.0, sides, 1.0) for sides in (targets, found))
    shared = tf.minimum(safe, found)
    both, one, other = ((d[..., 0] + d[..., 2]) * (d[..., 1] + d[..., 3]) for d in (shared, safe, found))
    each = tf.math.log(one + other - both) - tf.math.log(both)
    return _mean(each, there)


def turn(targets, found, there):
    """[B]: the mean over cells of 1 - cos of the difference of two angles [B, h, w] in radians (equation 11)."""
    return _mean(1.0 - tf.cos(found - targets), there)


def _mean(each, there):
    return tf.reduce_sum(each * there, [1, 2]) / tf.maximum(tf.reduce_sum(there, [1, 2]), 1.0)
