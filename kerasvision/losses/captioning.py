"""The loss of a caption whose words are told one after the other."""

import tensorflow as tf


def word_cross_entropy(words, weights, logits, smoothing=0.0):
    """-log p(word | picture, the words before it), the mean over the words and the END of each caption: "Show and Tell:
    A Neural Image Caption Generator" (Vinyals et al. 2015, arXiv:1411.4555, equations 9 and 13).

    words: int32 [B, T], classes. weights: float32 [B, T], 0 of what does not count. logits: float [B, T, classes].
    smoothing: part of a word's truth that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567, section
    7). Gives float32 [B].
    """
    likely = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    loss = -tf.gather(likely, words, batch_dims=2)
    if smoothing:
        loss = (1.0 - smoothing) * loss - smoothing * tf.reduce_mean(likely, -1)
    return tf.reduce_sum(weights * loss, 1) / tf.maximum(tf.reduce_sum(weights, 1), 1.0)
