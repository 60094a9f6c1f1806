"""Losses of numbers. targets, values: float32 [B, N], N numbers an example -> float32 [B], the mean over the numbers.

t is a target, y the value that is predicted for it, e = t - y.
"""

import math

import tensorflow as tf


def squared(targets, values):
    """e^2."""
    return tf.reduce_mean(tf.square(values - targets), -1)


def huber(targets, values, delta=1.0):
    """e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2): "Robust Estimation of a Location Parameter" (Huber 1964,
    doi:10.1214/aoms/1177703732, section 4). delta: in the unit of the targets, above 0.
    """
    error = tf.abs(values - targets)
    near = tf.minimum(error, delta)
    return tf.reduce_mean(near * (error - 0.5 * near), -1)


def log_cosh(targets, values):
    """log cosh(e): like e^2 / 2 near 0, like |e| - log 2 far away, and smooth."""
    error = tf.abs(values - targets)  # written so that no exponential overflows
    return tf.reduce_mean(error + tf.math.softplus(-2.0 * error) - math.log(2.0), -1)


def pinball(targets, quantiles, levels):
    """max(l e, (l - 1) e), the loss that is least at the quantile of level l: "Regression Quantiles" (Koenker, Bassett
    1978, doi:10.2307/1913643, equation 1.2). targets: [B, N]; quantiles: [B, N, Q], predicted; levels: Q numbers in
    0..1 -> [B], the mean over N and Q.
    """
    error = targets[..., None] - quantiles
    levels = tf.constant(levels, tf.float32)
    return tf.reduce_mean(tf.maximum(levels * error, (levels - 1.0) * error), [-2, -1])


def heteroscedastic(targets, values, log_variance):
    """exp(-s) e^2 / 2 + s / 2: "What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?" (Kendall,
    Gal 2017, arXiv:1703.04977, equations 5 and 8). log_variance: s = log sigma^2 [B, N], predicted beside the values.
    """
    return tf.reduce_mean(0.5 * (tf.exp(-log_variance) * tf.square(targets - values) + log_variance), -1)
