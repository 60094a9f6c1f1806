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


def softmax_focal(targets, logits, gamma):
    """-sum_k t_k (1 - p_k)^gamma log p_k: distributions [B, K], logits [B, K] -> [B], in nats.

    Lin et al. 2017, arXiv:1708.02002, equation 4, of K classes in place of two.
    """
    log_p = tf.nn.log_softmax(logits)
    miss = tf.maximum(1.0 - tf.exp(log_p), 1e-7)  # a power below 1 has no slope at 0
    return -tf.reduce_sum(targets * tf.pow(miss, gamma) * log_p, -1)


def expected_cost(targets, logits, costs):
    """sum_jk t_j C_jk p_k: distributions [B, K], logits [B, K], costs [K, K] of (truth, answer) -> [B].

    Elkan 2001, "The Foundations of Cost-Sensitive Learning", equation 1, of all answers by their probabilities.
    """
    return tf.reduce_sum(targets @ tf.constant(costs, tf.float32) * tf.nn.softmax(logits), -1)
