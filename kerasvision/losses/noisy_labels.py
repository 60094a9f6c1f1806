"""Losses that wrong labels mislead less than the cross-entropy.

targets: t, distributions float32 [B, K]; logits: float32 [B, K], p their softmax -> float32 [B].
"""

import tensorflow as tf

from kerasvision.losses.classification import softmax_cross_entropy


def generalized_cross_entropy(targets, logits, q=0.7):
    """sum_k t_k (1 - p_k^q) / q: "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels"
    (Zhang, Sabuncu 2018, arXiv:1805.07836, equation 6; q of section 4.1).

    q: above 0, to 1. Towards 0 it is the cross-entropy, at 1 half the mean absolute error, which symmetric noise does
    not mislead.
    """
    powers = tf.exp(q * tf.nn.log_softmax(logits))
    return tf.reduce_sum(targets * (1.0 - powers), -1) / q


def reverse_cross_entropy(targets, logits, log_zero=-4.0):
    """-sum_k p_k log t_k, with log 0 := log_zero (A): "Symmetric Cross Entropy for Robust Learning with Noisy Labels"
    (Wang, Ma, Chen, Luo, Yi, Bailey 2019, arXiv:1908.06112, equation 4; A of section 4).

    Targets between 0 and 1 (mixed, smoothed) count by their logarithm, but by no less than A.
    """
    logs = tf.math.log(tf.maximum(targets, tf.exp(log_zero)))
    return -tf.reduce_sum(tf.nn.softmax(logits) * logs, -1)


def bootstrapped_cross_entropy(targets, logits, beta, hard=False):
    """-sum_k (beta t_k + (1 - beta) z_k) log p_k: "Training Deep Neural Networks on Noisy Labels with Bootstrapping"
    (Reed, Lee, Anguelov, Szegedy, Erhan, Rabinovich 2015, arXiv:1412.6596).

    beta: 0..1, the share of the label beside the prediction. Soft (equation 6): z = p, through which the gradient
    passes, so that the entropy of p is a regularizer. Hard (equation 7): z is 1 at the largest p and 0 elsewhere.
    """
    own = tf.one_hot(tf.argmax(logits, -1), tf.shape(logits)[-1]) if hard else tf.nn.softmax(logits)
    return -tf.reduce_sum((beta * targets + (1.0 - beta) * own) * tf.nn.log_softmax(logits), -1)


def co_teaching_losses(targets, logits, twin_logits, keep, of_all=lambda losses: (losses, 0)):
    """(cross-entropies [B] of a network, those of its twin), each over the examples that the *other* finds easiest.

    "Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels" (Han et al. 2018,
    arXiv:1804.06872, algorithm 1, lines 4-8). keep: R(T), the fraction of the batch, 0..1; at least one example stays.
    Examples left out have loss 0, and the rest is scaled so that the mean over the batch is the mean over what is kept.
    of_all: losses [B] -> (those of the whole batch [N], of which these are a part, the place of the first of these).
    """
    first, second = softmax_cross_entropy(targets, logits), softmax_cross_entropy(targets, twin_logits)

    def weights(losses):
        """[B]: N / `count` where a loss is among the `count` smallest of the batch, of equal ones the first; else 0."""
        whole, begin = of_all(losses)
        size = tf.cast(tf.shape(whole)[0], tf.float32)
        count = tf.maximum(1.0, tf.math.ceil(keep * size - 1e-4))
        rank = tf.argsort(tf.argsort(whole, stable=True), stable=True)[begin : begin + tf.shape(losses)[0]]
        return tf.where(tf.cast(rank, tf.float32) < count, size / count, 0.0)

    return weights(second) * first, weights(first) * second
