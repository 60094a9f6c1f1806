"""The loss of a line of text whose characters have no places."""

import tensorflow as tf


def ctc(characters, logits):
    """-log p(characters), the sum over all paths of T frames that say them: "Connectionist Temporal Classification:
    Labelling Unsegmented Sequence Data with Recurrent Neural Networks" (Graves et al. 2006,
    doi:10.1145/1143844.1143891, equations 3 and 8).

    characters: int32 [B, L], classes 0 to K - 1, -1 beyond the last; a text that no path of T frames says is a
    tf.errors.InvalidArgumentError. logits: float [B, T, K + 1], blank last. float32 [B].
    """
    shifted = tf.sparse.from_dense(characters + 1)  # which takes 0 for nothing
    labels = tf.sparse.SparseTensor(shifted.indices, shifted.values - 1, shifted.dense_shape)
    shape = tf.shape(logits)
    return tf.nn.ctc_loss(
        labels=labels,
        logits=tf.cast(logits, tf.float32),
        label_length=None,
        logit_length=tf.fill(shape[:1], shape[1]),
        logits_time_major=False,
        blank_index=logits.shape[2] - 1,
    )
