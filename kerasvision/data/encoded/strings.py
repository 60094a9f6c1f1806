"""Numbers and parts of a string of bytes, and the one way to refuse it. Pure TensorFlow, safe for any bytes.

Graphs of few operations are made, copied and prepared in a fraction of the time, and every start of a pipeline copies
and prepares them: so one operation reads many numbers, and what several formats need is traced once.
"""

import functools

import tensorflow as tf

from kerasvision.core.errors import SAYS
from kerasvision.ops.internals import not_inlined

MOST_PIXELS = 178_956_970  # of one picture: Pillow's own limit (twice MAX_IMAGE_PIXELS), and TensorFlow's of a JPEG
MOST_STEPS = 65_536  # parts of a file that are walked over; a file of more is read up to there
TEXT = tf.TensorSpec([], tf.string)


@functools.cache
def on_host(function, *specs):
    """A function of bytes, or of what `specs` say, traced once: faster on the host, where its errors then read as a
    served graph's do, and within the graphs that call it, which are made in a fraction of the time.
    """
    # not inlined, so that a program which only ever sees JPEGs never prepares what the other formats need
    return not_inlined(function, specs or (TEXT,))


def cut(image_bytes, at, size):
    """The bytes from `at` on, `size` of them at most; "" where there are none. at, size: int32, or Python ints of 0 or
    more.
    """
    if not isinstance(at, int):
        at = tf.maximum(at, 0)
    if not isinstance(at, int) or at > 0:
        at = tf.minimum(at, tf.strings.length(image_bytes))
    return tf.strings.substr(image_bytes, at, size if isinstance(size, int) else tf.maximum(size, 0))


def padded(image_bytes, at, size):
    """The bytes from `at` on, `size` or more of them: 0 behind the end. size: a Python int."""
    return tf.strings.join([cut(image_bytes, at, size), bytes(size)])


def numbers(front, at, sizes):
    """int32 [N] of as many places within `padded` bytes: unsigned numbers of up to 3 bytes, or signed ones of 4, lowest
    byte first.
    """
    return tf.squeeze(tf.io.decode_raw(tf.strings.substr(front, at, sizes), tf.int32, fixed_length=4), 1)


def characters(image_bytes, size):
    """The first bytes, as many at most, each as the character of its number (ISO 8859-1). Regular expressions know
    characters alone: to them `\\xff` is one of two bytes.
    """
    front = tf.strings.substr(image_bytes, 0, size)
    return tf.strings.unicode_transcode(front, input_encoding="ISO-8859-1", output_encoding="UTF-8")


def holds(image_bytes, text):
    """Whether the text, of ASCII without signs of regular expressions, stands anywhere in the bytes."""
    # a seventh of the time that splitting takes, which is a tenth of what walking over the file would
    without = tf.strings.regex_replace(image_bytes, text, "", replace_global=False)
    return tf.not_equal(tf.strings.length(without), tf.strings.length(image_bytes))


def first_problem(*pairs):
    """The text of the first condition that holds, else "". pairs: (bool, str)."""
    conditions, texts = zip(*pairs, (True, ""), strict=True)
    return tf.gather(texts, tf.argmax(tf.stack(conditions)))


def too_large(hw):
    """(bool, text) for `first_problem`: more than `MOST_PIXELS`. hw: int32 [2]."""
    text = f"it has more than {MOST_PIXELS:,} pixels; make it smaller"
    return tf.reduce_prod(tf.cast(hw, tf.int64)) > MOST_PIXELS, text


def refused(problem):
    """An operation that fails with one line where `problem`, a string, is not ""."""
    return refused_unless(tf.equal(problem, ""), problem)


def refused_unless(holds, text):
    """An operation that fails with the line `text`, a string, unless `holds`, a scalar bool."""
    return tf.debugging.Assert(holds, [f"{SAYS} the image cannot be decoded:", text])
