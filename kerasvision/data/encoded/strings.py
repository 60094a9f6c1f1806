"""Numbers and parts of a string of bytes, and the one way to refuse it. Pure TensorFlow, safe for any bytes."""

import tensorflow as tf

from kerasvision.core.errors import SAYS

MOST_PIXELS = 178_956_970  # of one picture: Pillow's own limit (twice MAX_IMAGE_PIXELS), and TensorFlow's of a JPEG
MOST_STEPS = 65_536  # parts of a file that are walked over; a file of more is read up to there


def cut(image_bytes, at, size):
    """The bytes from `at` on, `size` of them at most; "" where there are none."""
    end = tf.strings.length(image_bytes)
    return tf.strings.substr(image_bytes, tf.clip_by_value(at, 0, end), tf.maximum(size, 0))


def head(image_bytes, at, size):
    """int32 [size]: the bytes from `at` on, 0 behind the end. size: a Python int."""
    return tf.cast(tf.io.decode_raw(cut(image_bytes, at, size), tf.uint8, fixed_length=size), tf.int32)


def little(values, at, size):
    """An unsigned number of up to 3 bytes, or a signed one of 4, lowest byte first. values: int32 [..., N]."""
    # one shift for all bytes: graphs of few operations are made, copied and prepared in a fraction of the time
    return tf.reduce_sum(tf.bitwise.left_shift(values[..., at : at + size], [8 * i for i in range(size)]), -1)


def big(values, at, size):
    """The same, highest byte first."""
    return tf.reduce_sum(tf.bitwise.left_shift(values[..., at : at + size], [8 * i for i in reversed(range(size))]), -1)


def first_problem(*pairs):
    """The text of the first condition that holds, else "". pairs: (bool, text)."""
    found = tf.constant("")
    for holds, text in reversed(pairs):
        found = tf.where(holds, text, found)
    return found


def too_large(height, width):
    """(bool, text) for `first_problem`: more than `MOST_PIXELS`. height, width: int32."""
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    return pixels > MOST_PIXELS, f"it has more than {MOST_PIXELS:,} pixels; make it smaller"


def refused(problem):
    """An operation that fails with one line where `problem`, a string, is not ""."""
    return refused_where(tf.not_equal(problem, ""), problem)


def refused_where(holds, text):
    """The same where `holds`, a bool."""
    return tf.debugging.Assert(~holds, [f"{SAYS} the image cannot be decoded:", text])
