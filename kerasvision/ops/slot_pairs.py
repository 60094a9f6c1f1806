"""Who goes with whom among the slots and detections of `ops.slots`, by few operators that every runtime has."""

import tensorflow as tf

_NONE = -1e9


def greedy_pairs(gain, allowed):
    """float32 [B, N, M], 1 for pairs made greedily: the best first, then the best of what is left. allowed: bool.

    Pairs that are the best of their row and of their column are made together, for none of them takes from another.
    """
    left = tf.where(allowed, gain, _NONE)

    def makes(left, pairs):
        return tf.reduce_max(left) > _NONE / 2.0

    def make(left, pairs):
        rows, columns = left.shape[1:]
        best = tf.one_hot(tf.argmax(left, 2, output_type=tf.int32), columns)
        best *= tf.transpose(tf.one_hot(tf.argmax(left, 1, output_type=tf.int32), rows), [0, 2, 1])
        best *= _as_float(left > _NONE / 2.0)
        taken = tf.maximum(tf.reduce_max(best, 2, keepdims=True), tf.reduce_max(best, 1, keepdims=True))
        return tf.where(taken > 0, _NONE, left), pairs + best

    return tf.while_loop(makes, make, [left, tf.zeros_like(left)])[1]


def births(held, new, score):
    """Float32 [B, S, D], 1 where a detection that no slot explains gets a free slot: the surest first."""
    count = score.shape[1]
    earlier = tf.constant([[float(j < i) for j in range(count)] for i in range(count)])
    better = _as_float(score[:, None] > score[:, :, None]) + _as_float(score[:, None] == score[:, :, None]) * earlier
    rank = tf.reduce_sum(better * new[:, None], 2)
    free = 1.0 - held
    place = tf.cumsum(free, 1) - 1.0
    return free[:, :, None] * new[:, None] * _as_float(tf.abs(place[:, :, None] - rank[:, None]) < 0.5)


def _as_float(value):
    return tf.cast(value, tf.float32)
