"""Losses of differentiable binarization: "Real-time Scene Text Detection with Differentiable Binarization" (Liao et al.
2019, arXiv:1911.08947, sections 3.2 and 3.5). Maps are float32 [B, h, w, 1].
"""

import tensorflow as tf

STEEPNESS = 50.0  # k of equation 3
HARD = 3  # negative cells for each positive one
_LEAST = 64  # of so many cells at least one is a hard negative, of a picture without text too


def binary_map(text_logits, border_logits):
    """The approximate binary map B = 1 / (1 + exp(-k (P - T))), equation 3."""
    return tf.sigmoid(STEEPNESS * (tf.sigmoid(text_logits) - tf.sigmoid(border_logits)))


def mined_cross_entropy(targets, logits):
    """[B]: the mean binary cross-entropy of all positive cells and of the hardest negative ones, `HARD` for each
    positive one (section 3.5); at least a 64th of the cells, from which a picture without text learns too.

    targets: 1 text, 0 none, -1 of no account.
    """
    targets, logits = (tf.reshape(t, [tf.shape(t)[0], -1]) for t in (targets, logits))
    positive, negative = targets > 0.5, tf.equal(targets, 0.0)
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.maximum(targets, 0.0), logits=logits)
    count = tf.reduce_sum(tf.cast(positive, tf.int32), 1)
    wanted = tf.maximum(HARD * count, tf.shape(targets)[1] // _LEAST)
    wanted = tf.minimum(wanted, tf.reduce_sum(tf.cast(negative, tf.int32), 1))
    hardest = tf.sort(tf.where(negative, each, -1.0), 1, "DESCENDING")
    taken = tf.range(tf.shape(targets)[1])[None] < wanted[:, None]
    total = tf.reduce_sum(tf.where(positive, each, 0.0), 1) + tf.reduce_sum(tf.where(taken, hardest, 0.0), 1)
    return total / tf.cast(tf.maximum(count + wanted, 1), tf.float32)


def binary_dice(targets, binary):
    """[B]: 1 - (2 sum BG + 1) / (sum B + sum G + 1), of the cells that count. targets: as above; binary: 0..1."""
    counts = tf.cast(targets >= 0.0, tf.float32)
    true, found = tf.maximum(targets, 0.0), counts * binary
    shared, both = (tf.reduce_sum(v, [1, 2, 3]) for v in (true * found, true + found))
    return 1.0 - (2.0 * shared + 1.0) / (both + 1.0)


def border_distance(targets, border_logits):
    """[B]: the mean L1 distance of the threshold map where there is a target (equation 9). targets: -1: none."""
    counts = targets >= 0.0
    apart = tf.where(counts, tf.abs(tf.sigmoid(border_logits) - targets), 0.0)
    return tf.reduce_sum(apart, [1, 2, 3]) / tf.maximum(tf.reduce_sum(tf.cast(counts, tf.float32), [1, 2, 3]), 1.0)
