"""Losses of pictures and their texts: each picture is near its own text and away from those of the other pictures.

places: int [B], where among all N pairs of a step (those of all replicas) the B own ones stand. equal: bool [B, N],
which texts are the own one word for word: two pictures of one text are no contradiction, so that such pairs are left
out (false negatives: Huynh et al. 2022, "Boosting Contrastive Self-Supervised Learning with False Negative
Cancellation", arXiv:2011.11765, section 3.1). scale: [B, 1], above 0, what cosines are multiplied by. All return [B].
"""

import tensorflow as tf

_FAR = 1e9  # beyond every exponent here


def symmetric_contrastive(of_images, of_texts, places, equal, scale):
    """The mean of two cross-entropies: which of all texts is the picture's, and which of all pictures is the text's.

    of_images: [B, N], cosines of own pictures with all texts. of_texts: [B, N], of own texts with all pictures.
    "Learning Transferable Visual Models From Natural Language Supervision" (Radford et al. 2021, arXiv:2103.00020,
    figure 3).
    """
    own = _own(places, equal)

    def cross_entropy(cosines):
        logits = scale * cosines
        total = tf.reduce_logsumexp(tf.where(equal & ~own, -_FAR, logits), 1)
        return total - tf.gather(logits, places, axis=1, batch_dims=1)

    return (cross_entropy(of_images) + cross_entropy(of_texts)) / 2.0


def sigmoid_pairs(of_images, places, equal, scale, bias):
    """The sum over all texts of -log sigmoid(z (scale cosine + bias)), z being 1 of the picture's own and -1 of others.

    of_images: as above. bias: [B, 1]. "Sigmoid Loss for Language Image Pre-Training" (Zhai et al. 2023,
    arXiv:2303.15343, equation 1, algorithm 1).
    """
    own, logits = _own(places, equal), scale * of_images + bias
    losses = tf.nn.softplus(tf.where(own, -logits, logits))
    return tf.reduce_sum(tf.where(equal & ~own, 0.0, losses), 1)


def _own(places, equal):
    return places[:, None] == tf.range(tf.shape(equal)[1])[None]
