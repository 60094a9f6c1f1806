"""Losses without negatives that keep the dimensions of a batch apart: Barlow Twins and VICReg.

first, second: float32 [N, D], two views of N pictures, of the whole batch. The terms belong to the batch, so each is
one number.
"""

import tensorflow as tf


def barlow_twins(first, second, weight=5e-3, epsilon=1e-5):
    """(sum of (1 - c_ii)^2, weight times the sum of c_ij^2 for i other than j), c the correlations between the views.

    "Barlow Twins: Self-Supervised Learning via Redundancy Reduction" (Zbontar, Jing, Misra, LeCun, Deny 2021,
    arXiv:2103.03230, equations 1 and 2). epsilon: added to variances.
    """
    first, second = (_standard(v, epsilon) for v in (first, second))
    correlation = tf.matmul(first, second, transpose_a=True) / tf.cast(tf.shape(first)[0], first.dtype)
    on = tf.linalg.diag_part(correlation)
    off = tf.reduce_sum(tf.square(correlation)) - tf.reduce_sum(tf.square(on))
    return tf.reduce_sum(tf.square(1.0 - on)), weight * off


def variance(rows, target=1.0, epsilon=1e-4):
    """The mean over dimensions of max(0, target - sqrt(variance + epsilon)), [N, D] -> one number.

    "VICReg: Variance-Invariance-Covariance Regularization" (Bardes, Ponce, LeCun 2021, arXiv:2105.04906, equations 1
    and 2).
    """
    centered = rows - tf.reduce_mean(rows, 0)
    spread = tf.reduce_sum(tf.square(centered), 0) / _degrees(rows)
    return tf.reduce_mean(tf.nn.relu(target - tf.sqrt(spread + epsilon)))


def covariance(rows):
    """The sum of the squared covariances of two dimensions by their number D, [N, D] -> one number (VICReg, equations 3
    and 4).
    """
    centered = rows - tf.reduce_mean(rows, 0)
    held = tf.matmul(centered, centered, transpose_a=True) / _degrees(rows)
    own = tf.reduce_sum(tf.square(tf.linalg.diag_part(held)))
    return (tf.reduce_sum(tf.square(held)) - own) / tf.cast(tf.shape(rows)[1], rows.dtype)


def _standard(rows, epsilon):
    mean, spread = tf.nn.moments(rows, 0)
    return (rows - mean) * tf.math.rsqrt(spread + epsilon)


def _degrees(rows):
    return tf.cast(tf.maximum(tf.shape(rows)[0] - 1, 1), rows.dtype)
