"""Cross-entropies for one class among many and for several classes at once."""

import tensorflow as tf


def softmax_cross_entropy(targets, logits, label_smoothing=0.0):
    """targets: distributions [B, K]; logits: [B, K] -> [B], in nats.

    label_smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7: targets become (1 - e) * t + e / K.
    """
    if label_smoothing:
        classes = tf.cast(tf.shape(logits)[-1], targets.dtype)
        targets = targets * (1.0 - label_smoothing) + label_smoothing / classes
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def sigmoid_cross_entropy(targets, logits, label_smoothing=0.0):
    """targets: 0..1 [B, K]; logits: [B, K] -> [B], the mean over the K classes, in nats."""
    if label_smoothing:
        targets = targets * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), -1)
