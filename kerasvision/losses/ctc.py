"""The loss of a line of text whose characters have no places."""

import tensorflow as tf


def ctc(characters, logits):
    """-log p(characters), the sum over all paths of T frames that say them: "Connectionist Temporal Classification:
    Labelling Unsegmented Sequence Data with Recurrent Neural Networks" (Graves et al. 2006,
    doi:10.1145/1143844.1143891, equations 3 and 8).

    characters: int32 [B, L], classes 0 to K - 1, -1 beyond the last. logits: float [B, T, K + 1], blank last. float32
    [B], infinite where no path of T frames says the line (`ops.ctc.frames_needed`).
    """
    logits = tf.cast(logits, tf.float32)
    shape, blank = tf.shape(logits), logits.shape[2] - 1
    empty = tf.reduce_all(characters < 0, -1)  # which TensorFlow's loss refuses: one path, of blanks alone
    some = tf.where(empty[:, None] & tf.equal(tf.range(tf.shape(characters)[1])[None], 0), 0, characters)
    shifted = tf.sparse.from_dense(some + 1)  # which takes 0 for nothing
    loss = tf.nn.ctc_loss(
        labels=tf.sparse.SparseTensor(shifted.indices, shifted.values - 1, shifted.dense_shape),
        logits=logits,
        label_length=None,
        logit_length=tf.fill(shape[:1], shape[1]),
        logits_time_major=False,
        blank_index=blank,
    )
    silent = -tf.reduce_sum(tf.nn.log_softmax(logits)[..., blank], 1)
    return tf.where(empty, silent, loss)
