"""Losses of embeddings by pairs of a batch: triplets, supervised contrastive, multi-similarity, circle.

cosines: float32 [B, N], of each of B anchors with each of N embeddings, -1..1. positive, negative: bool [B, N], which
of them are of the anchor's class (without itself) and which are not (`pairs_of`). All return [B]: an anchor for which
there is no pair of a kind that the loss needs has 0. Squared distances are 2 - 2 cosine, as embeddings have length 1.
"""

import tensorflow as tf

_FAR = 1e9  # beyond every distance, cosine and exponent here
_NEAREST, _FARTHEST = 0.5, 1.4  # distances between which negatives are weighted by how rare they are


def pairs_of(labels, others, places):
    """(positive, negative), bool [B, N]. labels: int [B] of the anchors; others: int [N]; places: int [B], where among
    the N each anchor stands itself.
    """
    same = labels[:, None] == others[None]
    itself = places[:, None] == tf.range(tf.shape(others)[0])[None]
    return same & ~itself, ~same


def batch_hard_triplet(cosines, positive, negative, margin):
    """max(0, d+ - d- + margin) of the farthest positive and the nearest negative, d squared distances.

    Mined as in "In Defense of the Triplet Loss for Person Re-Identification" (Hermans, Beyer, Leibe 2017,
    arXiv:1703.07737, equation 5), on the squared distances of FaceNet (Schroff et al. 2015, arXiv:1503.03832,
    equation 2), which have a gradient where two pictures fall together.
    """
    apart = 2.0 - 2.0 * cosines
    farthest = tf.reduce_max(tf.where(positive, apart, -_FAR), 1)
    nearest = tf.reduce_min(tf.where(negative, apart, _FAR), 1)
    both = tf.reduce_any(positive, 1) & tf.reduce_any(negative, 1)
    return tf.where(both, tf.nn.relu(tf.where(both, farthest - nearest, 0.0) + margin), 0.0)


def semi_hard_triplet(cosines, positive, negative, margin):
    """The mean over an anchor's positives of max(0, d+ - d- + margin), d squared distances; the negative is the nearest
    one that is farther than the positive, and where there is none the farthest of all.

    FaceNet (Schroff, Kalenichenko, Philbin 2015, arXiv:1503.03832, equations 2 and 4, section 3.2).
    """
    apart = 2.0 - 2.0 * cosines
    farther = negative[:, None] & (apart[:, None] > apart[:, :, None])  # [B, positive, negative]
    nearest = tf.reduce_min(tf.where(farther, apart[:, None], _FAR), 2)
    farthest = tf.reduce_max(tf.where(negative, apart, -_FAR), 1, keepdims=True)
    chosen = tf.where(tf.reduce_any(farther, 2), nearest, farthest)
    counted = positive & tf.reduce_any(negative, 1, keepdims=True)
    losses = tf.nn.relu(tf.where(counted, apart - chosen, -_FAR) + margin)
    return tf.math.divide_no_nan(tf.reduce_sum(losses, 1), _count(counted))


def distance_weighted_triplet(cosines, positive, negative, margin, dimension):
    """The mean over an anchor's positives of the mean of max(0, d+ - d- + margin), d squared distances, over its
    negatives, each weighted by how rare its distance is among points of a sphere: 1 / q(d), with
    q(d) = d ** (n - 2) * (1 - d ** 2 / 4) ** ((n - 3) / 2) of n dimensions. Distances below 0.5 count as 0.5, and those
    of 1.4 or more do not count.

    The paper draws one negative by these weights; here their mean counts, which is the expectation of that, so that no
    seed is needed. No gradient flows through the weights. "Sampling Matters in Deep Embedding Learning" (Wu, Manmatha,
    Smola, Krahenbuhl 2017, arXiv:1706.07567, section 4; both bounds are those of the authors' program).
    """
    apart = 2.0 - 2.0 * cosines
    held = tf.stop_gradient(apart)
    counted = negative & (held < _FARTHEST**2)
    square = tf.clip_by_value(held, _NEAREST**2, _FARTHEST**2)
    rare = (2.0 - dimension) / 2.0 * tf.math.log(square) - (dimension - 3.0) / 2.0 * tf.math.log(1.0 - square / 4.0)
    shares = tf.where(counted, tf.nn.softmax(tf.where(counted, rare, -_FAR)), 0.0)
    losses = tf.reduce_sum(tf.nn.relu(apart[:, :, None] - apart[:, None] + margin) * shares[:, None], 2)
    return tf.math.divide_no_nan(tf.reduce_sum(tf.where(positive, losses, 0.0), 1), _count(positive))


def supervised_contrastive(cosines, positive, negative, temperature):
    """The mean over an anchor's positives of -log(exp(c+ / t) / sum exp(c / t)) over all but itself: InfoNCE with
    labels.

    "Supervised Contrastive Learning" (Khosla et al. 2020, arXiv:2004.11362, equation 2).
    """
    scaled = cosines / temperature
    total = tf.reduce_logsumexp(tf.where(positive | negative, scaled, -_FAR), 1, keepdims=True)
    losses = tf.where(positive, total - scaled, 0.0)
    return tf.math.divide_no_nan(tf.reduce_sum(losses, 1), _count(positive))


def multi_similarity(cosines, positive, negative, alpha, beta, base, epsilon):
    """log(1 + sum exp(-alpha (c - base))) / alpha over the positives and log(1 + sum exp(beta (c - base))) / beta over
    the negatives that the miner leaves: negatives nearer than the farthest positive, and positives farther than the
    nearest negative, by all but epsilon.

    "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning" (Wang et al. 2019, arXiv:1904.06627,
    equations 11 to 15).
    """
    held = tf.stop_gradient(cosines)
    least = tf.reduce_min(tf.where(positive, held, _FAR), 1, keepdims=True)
    most = tf.reduce_max(tf.where(negative, held, -_FAR), 1, keepdims=True)
    near, far = negative & (held > least - epsilon), positive & (held < most + epsilon)
    pulled = _log_one_plus(tf.where(far, -alpha * (cosines - base), -_FAR)) / alpha
    pushed = _log_one_plus(tf.where(near, beta * (cosines - base), -_FAR)) / beta
    return pulled + pushed


def circle(cosines, positive, negative, scale, relaxation):
    """log(1 + sum exp(scale a- (c- - m)) sum exp(-scale a+ (c+ - 1 + m))) over an anchor's negatives and positives, m
    the relaxation, with a+ = max(0, 1 + m - c+) and a- = max(0, c- + m), through which no gradient flows.

    "Circle Loss: A Unified Perspective of Pair Similarity Optimization" (Sun et al. 2020, arXiv:2002.10857, equations 6
    to 9).
    """
    held = tf.stop_gradient(cosines)
    pulled = -scale * tf.nn.relu(1.0 + relaxation - held) * (cosines - 1.0 + relaxation)
    pushed = scale * tf.nn.relu(held + relaxation) * (cosines - relaxation)
    both = tf.reduce_any(positive, 1) & tf.reduce_any(negative, 1)
    total = tf.reduce_logsumexp(tf.where(positive, pulled, -_FAR), 1)
    total += tf.reduce_logsumexp(tf.where(negative, pushed, -_FAR), 1)
    return tf.where(both, tf.nn.softplus(tf.where(both, total, 0.0)), 0.0)


def _log_one_plus(exponents):
    """log(1 + sum exp), [B, N] -> [B]."""
    return tf.reduce_logsumexp(tf.pad(exponents, [[0, 0], [0, 1]]), 1)


def _count(mask):
    return tf.reduce_sum(tf.cast(mask, tf.float32), 1)
