"""Cross-entropies for one class among many and for several at once, and losses for class imbalance and for costs.

All tensors are float32: B examples, K classes. Logits are scores before softmax or sigmoid.
"""

import tensorflow as tf


def softmax_cross_entropy(targets, logits, label_smoothing=0.0):
    """targets: distributions [B, K], one-hot or mixed; logits: [B, K] -> [B], in nats: -sum_k t_k log p_k.

    label_smoothing: e, 0..1 (Szegedy et al. 2016, arXiv:1512.00567, section 7): targets become (1 - e) * t + e / K.
    """
    return tf.nn.softmax_cross_entropy_with_logits(_smoothed(targets, label_smoothing), logits)


def sigmoid_cross_entropy(targets, logits, label_smoothing=0.0):
    """targets: 0..1 [B, K], each class by itself; logits: [B, K] -> [B], the mean over the K classes, in nats.

    label_smoothing: e, 0..1: targets become (1 - e) * t + e / 2.
    """
    if label_smoothing:
        targets = targets * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), -1)


def softmax_focal(targets, logits, gamma=2.0, label_smoothing=0.0):
    """targets: distributions [B, K]; logits: [B, K] -> [B], in nats: - sum_k t_k (1 - p_k)^gamma log p_k.

    Lin et al. 2017, arXiv:1708.02002, equation 4, (1 - p_t)^gamma times the cross-entropy, on softmax. Where a target
    is no single class (smoothed, or two images mixed) each class counts with its share. gamma: 0 is the cross-entropy.
    """
    targets = _smoothed(targets, label_smoothing)
    log_p = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(targets * _power(-tf.math.expm1(log_p), gamma) * log_p, -1)


def sigmoid_focal(targets, logits, gamma=2.0, label_smoothing=0.0):
    """targets: 0..1 [B, K]; logits: [B, K] -> [B], the mean over the K classes, in nats.

    Lin et al. 2017, arXiv:1708.02002, equation 4, with p_t = p for a class that the example has and 1 - p for one that
    it has not. label_smoothing: as in `sigmoid_cross_entropy`.
    """
    if label_smoothing:
        targets = targets * (1.0 - label_smoothing) + 0.5 * label_smoothing
    there = _power(tf.sigmoid(-logits), gamma) * tf.nn.softplus(-logits)  # (1 - p)^gamma * -log p
    absent = _power(tf.sigmoid(logits), gamma) * tf.nn.softplus(logits)  # p^gamma * -log(1 - p)
    return tf.reduce_mean(targets * there + (1.0 - targets) * absent, -1)


def adjusted_logits(logits, prior, tau=1.0):
    """[B, K] -> [B, K]: logits + tau log prior, for a loss (Menon et al. 2021, arXiv:2007.07314, equation 10).

    prior: [K], the share of each class, all above 0. tau 1 is the balanced softmax (Ren et al. 2020, arXiv:2007.10740,
    equation 3).
    """
    return logits + tau * tf.math.log(tf.constant(prior, logits.dtype))


def expected_cost(targets, logits, costs):
    """targets: distributions [B, K]; logits: [B, K] -> [B]: sum_j C[y, j] p_j, in the unit of the costs.

    The expected cost of a class that is drawn with the probabilities p, after Elkan 2001, The Foundations of
    Cost-Sensitive Learning (IJCAI), equation 1. costs: C [K, K], a row for each class of the ground truth, a column for
    each predicted class.
    """
    return tf.reduce_sum((targets @ tf.constant(costs, logits.dtype)) * tf.nn.softmax(logits), -1)


def _smoothed(targets, label_smoothing):
    """Szegedy et al. 2016, section 7."""
    if not label_smoothing:
        return targets
    return targets * (1.0 - label_smoothing) + label_smoothing / tf.cast(tf.shape(targets)[-1], targets.dtype)


def _power(base, exponent):
    """base^exponent of a base in 0..1, with a finite gradient where it is 0."""
    if exponent == 0.0:
        return tf.ones_like(base)
    return tf.pow(tf.maximum(base, 1e-12), exponent)
