"""Losses that compare views of pictures with views of others, which go away: InfoNCE in three settings.

Vectors may have any length: they get length 1 here. All return one loss a row.
"""

import tensorflow as tf

_FAR = 1e9  # beyond every scaled cosine


def nt_xent(rows, others, places, temperature):
    """-log(exp(c+ / t) / sum exp(c / t)), c+ the cosine with the other view of the picture, the sum over all rows but
    itself: [B, D] -> [B].

    rows: two views of each picture one after the other. others: [N, D], those of all replicas; places: int [B], where
    among them each row stands itself. "A Simple Framework for Contrastive Learning of Visual Representations" (Chen,
    Kornblith, Norouzi, Hinton 2020, arXiv:2002.05709, equation 1).
    """
    cosines = _cosines(rows, others) / temperature
    itself = places[:, None] == tf.range(tf.shape(others)[0])[None]
    partner = tf.one_hot(tf.bitwise.bitwise_xor(places, 1), tf.shape(others)[0])
    total = tf.reduce_logsumexp(tf.where(itself, -_FAR, cosines), 1)
    return total - tf.reduce_sum(cosines * partner, 1)


def info_nce(queries, keys, negatives, temperature):
    """-log(exp(q k+ / t) / (exp(q k+ / t) + sum exp(q k- / t))), [B, D] -> [B].

    keys: [B, D], of the other view of each query's picture. negatives: [K, D], of other pictures. "Momentum Contrast
    for Unsupervised Visual Representation Learning" (He, Fan, Wu, Xie, Girshick 2019, arXiv:1911.05722, equation 1).
    """
    queries, keys = (tf.math.l2_normalize(v, -1) for v in (queries, keys))
    near = tf.reduce_sum(queries * keys, -1, keepdims=True) / temperature
    far = _cosines(queries, negatives) / temperature
    return tf.reduce_logsumexp(tf.concat([near, far], 1), 1) - near[:, 0]


def in_batch(queries, keys, places, temperature):
    """As `info_nce`, where the keys of the batch's other pictures are the negatives, [B, D] -> [B].

    keys: [N, D], of all replicas; places: int [B], where the key of each query's own picture stands. "An Empirical
    Study of Training Self-Supervised Vision Transformers" (Chen, Xie, He 2021, arXiv:2104.02057, algorithm 1, without
    its factor of 2 t).
    """
    cosines = _cosines(queries, keys) / temperature
    own = tf.one_hot(places, tf.shape(keys)[0])
    return tf.reduce_logsumexp(cosines, 1) - tf.reduce_sum(cosines * own, 1)


def _cosines(rows, others):
    return tf.matmul(tf.math.l2_normalize(rows, -1), tf.math.l2_normalize(others, -1), transpose_b=True)


def dense_in_batch(queries, counterparts, means, places, temperature):
    """The mean over positions of -log(exp(q k+ / t) / (exp(q k+ / t) + sum exp(q k- / t))), [B, S, D] -> [B].

    counterparts: [B, S, D], of each position's match in the other view. means: [N, D], one vector of each picture of
    all replicas, of which those of other pictures are the negatives; places: int [B], where each query's own stands.
    "Dense Contrastive Learning for Self-Supervised Visual Pre-Training" (Wang, Zhang, Shen, Kong, Li 2020,
    arXiv:2011.09157, equation 2).
    """
    queries, counterparts = (tf.math.l2_normalize(v, -1) for v in (queries, counterparts))
    near = tf.reduce_sum(queries * counterparts, -1, keepdims=True) / temperature
    far = tf.einsum("bsd,nd->bsn", queries, tf.math.l2_normalize(means, -1)) / temperature
    itself = places[:, None] == tf.range(tf.shape(means)[0])[None]
    far = tf.where(itself[:, None], -_FAR, far)
    return tf.reduce_mean(tf.reduce_logsumexp(tf.concat([near, far], -1), -1) - near[..., 0], -1)
