"""Losses of numbers. targets, values: [B, N]  N numbers an example -> float32 [B], the mean over the numbers."""

import math

import tensorflow as tf


def squared(targets, values):
    """(y - t)^2."""
    return tf.reduce_mean(tf.square(values - targets), -1)


def huber(targets, values, delta=1.0):
    """e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2): "Robust Estimation of a Location Parameter" (Huber 1964,
    doi:10.1214/aoms/1177703732, section 4).
    """
    error = tf.abs(values - targets)
    near = tf.minimum(error, delta)
    return tf.reduce_mean(near * (error - 0.5 * near), -1)


def log_cosh(targets, values):
    """log cosh(y - t): like e^2 / 2 near 0, like |e| - log 2 far away, and smooth."""
    error = tf.abs(values - targets)  # written so that no exponential overflows
    return tf.reduce_mean(error + tf.math.softplus(-2.0 * error) - math.log(2.0), -1)


def pinball(targets, quantiles, levels):
    """max(l e, (l - 1) e) with e = t - y: "Regression Quantiles" (Koenker, Bassett 1978, doi:10.2307/1913643, equation
    1.2). targets: [B, N]; quantiles: [B, N, Q]; levels: Q numbers in 0..1. The mean over N and Q.
    """
    error = targets[..., None] - quantiles
    levels = tf.constant(levels, tf.float32)
    return tf.reduce_mean(tf.maximum(levels * error, (levels - 1.0) * error), [-2, -1])


def heteroscedastic(targets, values, log_variance):
    """exp(-s) (t - y)^2 / 2 + s / 2, s = log sigma^2: "What Uncertainties Do We Need in Bayesian Deep Learning for
    Computer Vision?" (Kendall, Gal 2017, arXiv:1703.04977, equations 5 and 8).
    """
    return tf.reduce_mean(0.5 * (tf.exp(-log_variance) * tf.square(targets - values) + log_variance), -1)
