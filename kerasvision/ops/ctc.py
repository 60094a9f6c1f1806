"""Connectionist temporal classification (Graves et al. 2006, doi:10.1145/1143844.1143891): from what a network says of
each frame of a line to its characters. Operators that every runtime has; shapes are static.
"""

import tensorflow as tf

CERTAIN = 20.0  # a logit beside which others of 0 count for nothing


def greedy(logits):
    """Best path decoding (section 3.2 of the paper): the likeliest class of each frame, equal neighbors joined, blanks
    dropped.

    logits: float [B, T, K + 1], blank last. Returns `labels` int32 [B, T], the classes in reading order, -1 beyond the
    last; `scores` float32 [B, T], the largest probability of a character in its frames, else 0; `first` and `behind`
    int32 [B, T], its frames, from one to below the other, else 0; `count` int32 [B]; `path_score` float32 [B], the
    probability of this path, which is at most the text's own.
    """
    frames, blank = logits.shape[1], logits.shape[2] - 1
    probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))
    best = tf.argmax(probabilities, -1, output_type=tf.int32)
    top = tf.reduce_max(probabilities, -1)
    before = tf.pad(best[:, :-1], [[0, 0], [1, 0]], constant_values=-1)
    solid = tf.not_equal(best, blank)
    begins = tf.cast(solid & tf.not_equal(best, before), tf.int32)
    number = tf.cumsum(begins, 1) - 1  # of the character that a frame belongs to
    place = tf.range(frames)
    member = solid[:, None, :] & tf.equal(number[:, None, :], place[None, :, None])  # [B, character, frame]
    behind = tf.reduce_max(tf.where(member, place[None, None] + 1, 0), 2)
    first = tf.reduce_min(tf.where(member, place[None, None], frames), 2)
    return {
        "labels": tf.reduce_max(tf.where(member, best[:, None, :], -1), 2),
        "scores": tf.reduce_max(tf.where(member, top[:, None, :], 0.0), 2),
        "first": tf.where(behind > 0, first, 0),
        "behind": behind,
        "count": tf.reduce_sum(begins, 1),
        "path_score": tf.exp(tf.reduce_sum(tf.math.log(top), 1)),
    }


def frames_needed(characters):
    """int32 [...]: frames of the shortest path, a blank between equal neighbors. characters: int32 [..., L], -1 beyond
    the last.
    """
    return tf.reduce_sum(tf.cast(characters >= 0, tf.int32), -1) + tf.reduce_sum(_repeats(characters), -1)


def ideal_logits(characters, frames, num_classes):
    """float32 [B, T, K + 1] of a network that is sure of the shortest path. characters: int32 [B, L], -1 beyond the
    last, none of which needs more than T frames.
    """
    place = tf.range(tf.shape(characters)[1]) + tf.cumsum(_repeats(characters), -1)
    held = tf.one_hot(tf.where(characters >= 0, place, -1), frames)  # [B, L, T]
    classes = tf.one_hot(characters, num_classes + 1)
    solid = tf.einsum("blt,blk->btk", held, classes)
    blank = tf.one_hot(num_classes, num_classes + 1) * (1.0 - tf.reduce_sum(solid, -1, keepdims=True))
    return CERTAIN * (solid + blank)


def _repeats(characters):
    before = tf.concat([tf.fill(tf.shape(characters[..., :1]), -1), characters[..., :-1]], -1)
    return tf.cast(tf.equal(characters, before) & (characters >= 0), tf.int32)
