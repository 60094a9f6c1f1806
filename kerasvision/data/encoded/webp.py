"""WebP (RFC 9649): its header, its chunk `EXIF`, and of an animation the first frame as a still picture.

An animation must never reach `tf.io.decode_image`: it makes room for three bytes a pixel and writes four.
"""

import tensorflow as tf

from kerasvision.data.encoded import exif
from kerasvision.data.encoded.strings import MOST_STEPS, cut, first_problem, head, little, too_large

_ANIMATION, _EXIF, _ALPHA = 0x02, 0x08, 0x10  # bits of VP8X
_FRAME_HEADER = 16  # bytes of ANMF before the frame's own chunks


def _has(image_bytes, bit):
    is_extended = tf.equal(cut(image_bytes, 12, 4), b"VP8X")
    return is_extended & (tf.bitwise.bitwise_and(head(image_bytes, 20, 1)[0], bit) > 0)


def is_animated(image_bytes):
    """Whether its header says so, which is what native decoders go by."""
    return _has(image_bytes, _ANIMATION)


def hw(image_bytes):
    """int32 [2] as stored: of the canvas."""
    kind, values = cut(image_bytes, 12, 4), head(image_bytes, 20, 10)
    extended = tf.stack([little(values, 7, 3), little(values, 4, 3)]) + 1
    lossless = little(values, 1, 4)
    lossless = tf.stack([tf.bitwise.right_shift(lossless, 14), lossless])
    lossy = tf.stack([little(values, 8, 2), little(values, 6, 2)])
    plain = tf.where(tf.equal(kind, b"VP8L"), tf.bitwise.bitwise_and(lossless, 0x3FFF) + 1, lossy % 0x4000)
    return tf.where(tf.equal(kind, b"VP8X"), extended, plain)


def problem(image_bytes, hw):
    """Why it must not be decoded, or ""."""
    kind = cut(image_bytes, 12, 4)
    known = tf.reduce_any(tf.equal(kind, [b"VP8 ", b"VP8L", b"VP8X"]))
    whole = little(head(image_bytes, 4, 4), 0, 4) <= tf.strings.length(image_bytes) - 8
    frame_problem = tf.cond(is_animated(image_bytes), lambda: _frame_problem(image_bytes), lambda: tf.constant(""))
    is_opaque = tf.equal(kind, b"VP8X") & ~_has(image_bytes, _ALPHA) & ~is_animated(image_bytes)
    denies_alpha = tf.cond(is_opaque, lambda: _find(image_bytes, b"ALPH")[0] > 0, lambda: tf.constant(False))
    return first_problem(
        (~known | ~whole | tf.reduce_any(hw <= 0), "cut off or damaged"),
        too_large(hw[0], hw[1]),
        (denies_alpha, "a WebP whose header denies its transparency; write it anew"),
        (tf.not_equal(frame_problem, ""), frame_problem),
    )


def _frame_problem(image_bytes):
    at, size = _find(image_bytes, b"ANMF")
    values = head(image_bytes, at + 8, _FRAME_HEADER)
    at_corner = tf.reduce_all(tf.equal(values[:6], 0))
    covers = at_corner & tf.equal(cut(image_bytes, at + 14, 6), cut(image_bytes, 24, 6))
    return first_problem(
        (size < _FRAME_HEADER, "an animated WebP without a whole frame; save its first frame as a still picture"),
        (~covers, "an animated WebP whose first frame does not cover it; save its first frame as a still picture"),
    )


def still(image_bytes):
    """The bytes, or of an animation those of its first frame as a still WebP. Only for bytes without a `problem`."""

    def first_frame():
        at, size = _find(image_bytes, b"ANMF")
        frame = cut(image_bytes, at + 8 + _FRAME_HEADER, size - _FRAME_HEADER)
        alpha = tf.cond(_has(image_bytes, _ALPHA), lambda: chr(_ALPHA), lambda: "\0")
        canvas = [b"VP8X", b"\x0a\0\0\0", alpha, b"\0\0\0", cut(image_bytes, 24, 6)]
        parts = tf.strings.join([b"WEBP", *canvas, frame])
        return tf.strings.join([b"RIFF", _spelled(tf.strings.length(parts)), parts])

    return tf.cond(is_animated(image_bytes), first_frame, lambda: image_bytes)


def _spelled(number):
    """Four bytes, lowest first, of an int32: out of a table, since no operator of TensorFlow's writes raw bytes."""
    table = tf.constant([bytes([i]) for i in range(256)])
    parts = [tf.bitwise.bitwise_and(tf.bitwise.right_shift(number, 8 * i), 255) for i in range(4)]
    return tf.strings.reduce_join(tf.gather(table, tf.stack(parts)))


def orientation(image_bytes):
    """int32 1..8."""

    def walk():
        at, size = _find(image_bytes, b"EXIF")
        return exif.of_tiff(cut(image_bytes, at + 8, size))

    return tf.cond(_has(image_bytes, _EXIF), walk, lambda: exif.UPRIGHT)


def without_exif(image_bytes):
    """The bytes with that chunk under a name that no decoder knows."""

    def walk():
        at, _ = _find(image_bytes, b"EXIF")
        rest = cut(image_bytes, at + 4, tf.strings.length(image_bytes))
        return tf.where(at > 0, tf.strings.join([cut(image_bytes, 0, at), b"NONE", rest]), image_bytes)

    return tf.cond(_has(image_bytes, _EXIF), walk, lambda: image_bytes)


def _find(image_bytes, kind):
    """(where the first chunk of this kind begins, the size of what it holds); 0, 0 where none is whole."""
    end = tf.strings.length(image_bytes)

    def step(at, _, found, held):
        size = little(head(image_bytes, at + 4, 4), 0, 4)
        wrong = (size < 0) | (size > end - at - 8)
        hit = tf.equal(cut(image_bytes, at, 4), kind) & ~wrong
        following = tf.where(wrong, end, at + 8 + size + size % 2)
        return following, hit | (following + 8 > end), tf.where(hit, at, found), tf.where(hit, size, held)

    start = (tf.constant(12), tf.constant(False), tf.constant(0), tf.constant(0))
    _, _, at, size = tf.while_loop(lambda at, done, *_: ~done, step, start, maximum_iterations=MOST_STEPS)
    return at, size
