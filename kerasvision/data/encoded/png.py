"""PNG (W3C, third edition): its header and its chunk `eXIf`, which may stand before or behind the pixels."""

import tensorflow as tf

from kerasvision.data.encoded import exif
from kerasvision.data.encoded.strings import MOST_STEPS, cut, first_problem, holds, on_host, padded, too_large

MAGIC = b"\x89PNG\r\n\x1a\n"
_HEADER = 24  # bytes, with the chunk's name and the size


def look(image_bytes):
    """(int32 [2] size as stored, why it must not be decoded or "")."""
    front = padded(image_bytes, 0, _HEADER)
    sides = tf.io.decode_raw(tf.strings.substr(front, [20, 16], [4, 4]), tf.int32, little_endian=False, fixed_length=4)
    hw = tf.squeeze(sides, 1)
    is_wrong = tf.not_equal(tf.strings.substr(front, 8, 8), b"\0\0\0\x0dIHDR") | tf.reduce_any(hw <= 0)
    return hw, first_problem((is_wrong, "cut off or damaged"), too_large(hw))


def orientation(image_bytes):
    """int32 1..8."""

    def walk():
        at, size = _find_exif(image_bytes)
        return on_host(exif.of_tiff)(cut(image_bytes, at + 8, size))

    return tf.cond(holds(image_bytes, "eXIf"), walk, lambda: exif.UPRIGHT)


def without_exif(image_bytes):
    """The bytes without that chunk."""

    def walk():
        at, size = _find_exif(image_bytes)
        rest = cut(image_bytes, at + 12 + size, tf.strings.length(image_bytes))
        return tf.where(at > 0, tf.strings.join([cut(image_bytes, 0, at), rest]), image_bytes)

    return tf.cond(holds(image_bytes, "eXIf"), walk, lambda: image_bytes)


def _find_exif(image_bytes):
    """(where the last such chunk begins, the size of what it holds); 0, 0 when there is none."""
    end = tf.strings.length(image_bytes)

    def step(at, found, held):
        front = tf.strings.substr(image_bytes, at, 8)  # there are 12
        size = tf.squeeze(tf.io.decode_raw(front, tf.int32, little_endian=False, fixed_length=4), 0)
        behind = at + 12
        wrong = (size < 0) | (size > end - behind)
        hit = tf.strings.regex_full_match(front, r"\C{4}eXIf") & ~wrong
        last = wrong | tf.strings.regex_full_match(front, r"\C{4}IEND")
        return tf.where(last, end, behind + size), tf.where(hit, at, found), tf.where(hit, size, held)

    start = (tf.constant(len(MAGIC)), tf.constant(0), tf.constant(0))
    _, at, size = tf.while_loop(lambda at, *_: at + 12 <= end, step, start, maximum_iterations=MOST_STEPS)
    return at, size
