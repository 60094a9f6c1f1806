"""Losses that let a network predict what it, or its average, says of another view. No gradient goes into the answer,
unless it is asked for.

All take rows [B, D] and give [B].
"""

import tensorflow as tf


def negative_cosine(predicted, answer, stop_gradient=True):
    """-cos(predicted, answer), -1 where both have one direction: [B, D] -> [B]. stop_gradient: whether the answer does
    not learn from it.

    "Exploring Simple Siamese Representation Learning" (Chen, He 2020, arXiv:2011.10566, equations 1 and 3); twice
    it and 2 is the loss of "Bootstrap Your Own Latent" (Grill et al. 2020, arXiv:2006.07733, equation 2).
    """
    answer = tf.stop_gradient(answer) if stop_gradient else answer
    return -tf.reduce_sum(tf.math.l2_normalize(predicted, -1) * tf.math.l2_normalize(answer, -1), -1)


def assignment_cross_entropy(scores, answers, student_temperature, teacher_temperature):
    """-sum softmax(answer / t) log softmax(score / s): [B, K] -> [B]. answers: centered already.

    "Emerging Properties in Self-Supervised Vision Transformers" (Caron et al. 2021, arXiv:2104.14294, equations 1 and
    2).
    """
    wanted = tf.nn.softmax(tf.stop_gradient(answers) / teacher_temperature)
    return -tf.reduce_sum(wanted * tf.nn.log_softmax(scores / student_temperature), -1)
