"""How far answers of two networks, or of one about two inputs, are apart: of each example, the mean over positions."""

import tensorflow as tf


def softmax_divergence(probabilities, logits, temperature):
    """T^2 KL(p || softmax(z / T)): p, z [B, ..., K] -> [B], the mean over positions. The gradient by z is T (q - p),
    about as large for every T, which is what T^2 is for (Hinton et al. 2015, equations 2-4).
    """
    apart = tf.math.multiply_no_nan(tf.math.log(probabilities) - tf.nn.log_softmax(logits / temperature), probabilities)
    return temperature**2 * _each(tf.reduce_sum(apart, -1))


def sigmoid_divergence(probabilities, logits, temperature):
    """The same of independent classes: the mean over the K classes of two-valued distributions' divergences."""
    z = logits / temperature
    entropy = tf.math.xlogy(probabilities, probabilities) + tf.math.xlogy(1 - probabilities, 1 - probabilities)
    cross = tf.nn.sigmoid_cross_entropy_with_logits(probabilities, z)
    return temperature**2 * _each(cross + entropy)


def logit_error(values, raw):
    """(v - z)^2 / 2: [B, ...] -> [B], the mean over all but the batch."""
    return 0.5 * _each(tf.math.squared_difference(values, raw))


def _each(values):
    """[B, ...] -> [B], the mean."""
    return tf.reduce_mean(values, tuple(range(1, values.shape.rank)))


def own_divergence(reference, logits, form):
    """KL(p || q) of the answers with logits [B, ..., K] -> [B]; gradients pass to both. form: "softmax", where classes
    exclude one another, or "sigmoid", of independent ones, then the mean over classes.
    """
    if form == "softmax":
        apart = tf.nn.log_softmax(reference) - tf.nn.log_softmax(logits)
        return _each(tf.reduce_sum(tf.nn.softmax(reference) * apart, -1))
    p = tf.sigmoid(reference)
    held = p * (tf.math.log_sigmoid(reference) - tf.math.log_sigmoid(logits))
    return _each(held + (1.0 - p) * (tf.math.log_sigmoid(-reference) - tf.math.log_sigmoid(-logits)))


def spread_of_answers(logits, form):
    """The Jensen-Shannon divergence of several answers, each of logits [B, ..., K], a list -> [B]: the mean of their
    divergences from the mean of their probabilities (Hendrycks et al. 2020, arXiv:1912.02781, equation 2).
    """
    answers = [tf.nn.softmax(z) if form == "softmax" else tf.sigmoid(z) for z in logits]
    mean = tf.clip_by_value(tf.add_n(answers) / len(answers), 1e-7, 1.0)  # as the authors' code bounds it
    rest = tf.clip_by_value(1.0 - mean, 1e-7, 1.0)
    every = []
    for z, p in zip(logits, answers, strict=True):
        if form == "softmax":
            every.append(_each(tf.reduce_sum(p * (tf.nn.log_softmax(z) - tf.math.log(mean)), -1)))
        else:
            own = p * (tf.math.log_sigmoid(z) - tf.math.log(mean))
            every.append(_each(own + (1.0 - p) * (tf.math.log_sigmoid(-z) - tf.math.log(rest))))
    return tf.add_n(every) / len(every)
