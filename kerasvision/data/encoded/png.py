"""PNG (W3C, third edition): its header and its chunk `eXIf`, which may stand before or behind the pixels."""

import tensorflow as tf

from kerasvision.data.encoded import exif
from kerasvision.data.encoded.strings import MOST_STEPS, big, cut, first_problem, head, too_large

MAGIC = b"\x89PNG\r\n\x1a\n"


def hw(image_bytes):
    """int32 [2] as stored."""
    values = head(image_bytes, 16, 8)
    return tf.stack([big(values, 4, 4), big(values, 0, 4)])


def problem(image_bytes, hw):
    """Why it must not be decoded, or ""."""
    has_header = tf.equal(cut(image_bytes, 8, 8), b"\0\0\0\x0dIHDR")
    return first_problem((~has_header | tf.reduce_any(hw <= 0), "cut off or damaged"), too_large(hw[0], hw[1]))


def orientation(image_bytes):
    """int32 1..8."""

    def walk():
        at, size = _find_exif(image_bytes)
        return exif.of_tiff(cut(image_bytes, at + 8, size))

    return tf.cond(_may_be_tagged(image_bytes), walk, lambda: exif.UPRIGHT)


def without_exif(image_bytes):
    """The bytes without that chunk."""

    def walk():
        at, size = _find_exif(image_bytes)
        rest = cut(image_bytes, at + 12 + size, tf.strings.length(image_bytes))
        return tf.where(at > 0, tf.strings.join([cut(image_bytes, 0, at), rest]), image_bytes)

    return tf.cond(_may_be_tagged(image_bytes), walk, lambda: image_bytes)


def _may_be_tagged(image_bytes):
    return tf.raw_ops.StringSplitV2(input=image_bytes[None], sep=b"eXIf", maxsplit=1).shape[1] > 1


def _find_exif(image_bytes):
    """(where the last such chunk begins, the size of what it holds); 0, 0 when there is none."""
    end = tf.strings.length(image_bytes)

    def step(at, _, found, held):
        kind, size = cut(image_bytes, at + 4, 4), big(head(image_bytes, at, 4), 0, 4)
        wrong = (size < 0) | (size > end - at - 12)
        hit = tf.equal(kind, b"eXIf") & ~wrong
        done = wrong | tf.equal(kind, b"IEND")
        following = tf.where(wrong, end, at + 12 + size)
        return following, done | (following + 12 > end), tf.where(hit, at, found), tf.where(hit, size, held)

    start = (tf.constant(len(MAGIC)), tf.constant(False), tf.constant(0), tf.constant(0))
    _, _, at, size = tf.while_loop(lambda at, done, *_: ~done, step, start, maximum_iterations=MOST_STEPS)
    return at, size
