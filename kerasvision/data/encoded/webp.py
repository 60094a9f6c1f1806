"""WebP (RFC 9649): its header, its chunk `EXIF`, and of an animation the first frame as a still picture.

An animation must never reach `tf.io.decode_image`: it makes room for three bytes a pixel and writes four.
"""

import tensorflow as tf

from kerasvision.data.encoded import exif
from kerasvision.data.encoded.strings import MOST_STEPS, cut, first_problem, numbers, on_host, padded, too_large

_FLAGS = {"is_animated": 0x02, "has_exif": 0x08, "has_alpha": 0x10}  # bits of VP8X
_KINDS = [b"VP8 ", b"VP8L", b"VP8X"]  # first chunks: lossy, lossless, extended
# of each, for height and width: where the number begins, its bytes, what it is shifted by, its bits, what is added
_SIDES = [
    [[28, 26], [2, 2], [0, 0], [0x3FFF, 0x3FFF], [0, 0]],
    [[21, 21], [4, 4], [14, 0], [0x3FFF, 0x3FFF], [1, 1]],
    [[27, 24], [3, 3], [0, 0], [0xFFFFFF, 0xFFFFFF], [1, 1]],
]
_HEADER = 30  # bytes, with all of these
_FRAME_HEADER = 16  # bytes of ANMF before the frame's own chunks
_NOTHING = ""  # no chunk's name: the file is not walked over
_TEXTS = (tf.TensorSpec([], tf.string),) * 2


def read_header(image_bytes):
    """hw: int32 [2] as stored, of the canvas; is_known: a kind of WebP, and whole; bools of `_FLAGS`, is_animated being
    what native decoders go by; canvas: string of its size. frame: (where an animation's first frame begins, the size of
    what it holds), or of a still picture that denies transparency, where it holds some nevertheless; else 0, 0.
    """
    front = padded(image_bytes, 0, _HEADER)
    kinds = tf.equal(tf.strings.substr(front, 12, 4), _KINDS)
    *_, is_extended = tf.unstack(kinds)
    at, sizes, shifts, bits, more = tf.unstack(tf.gather(_SIDES, tf.argmax(kinds)))
    hw = tf.bitwise.bitwise_and(tf.bitwise.right_shift(numbers(front, at, sizes), shifts), bits) + more
    size, flags = tf.unstack(numbers(front, [4, 20], [4, 1]), num=2)
    flags = tf.bitwise.bitwise_and(tf.where(is_extended, flags, 0), list(_FLAGS.values())) > 0
    header = dict(zip(_FLAGS, tf.unstack(flags), strict=True))
    is_whole = size <= tf.strings.length(image_bytes) - 8
    is_opaque = is_extended & ~header["has_alpha"]
    sought = tf.where(header["is_animated"], "ANMF", tf.where(is_opaque, "ALPH", _NOTHING))
    known = {"is_known": tf.reduce_any(kinds) & is_whole, "canvas": tf.strings.substr(front, 24, 6)}
    return header | known | {"hw": hw, "frame": _find(image_bytes, sought)}


def problem(image_bytes, header):
    """Why it must not be decoded, or ""."""
    hw, is_animated, (at, size) = header["hw"], header["is_animated"], header["frame"]
    # at the corner and as large as the canvas
    covers = tf.equal(cut(image_bytes, at + 8, 12), tf.strings.join([bytes(6), header["canvas"]]))
    again = "save its first frame as a still picture"
    return first_problem(
        (~header["is_known"] | tf.reduce_any(hw <= 0), "cut off or damaged"),
        too_large(hw),
        (~is_animated & (at > 0), "a WebP whose header denies its transparency; write it anew"),
        (is_animated & (size < _FRAME_HEADER), f"an animated WebP without a whole frame; {again}"),
        (is_animated & ~covers, f"an animated WebP whose first frame does not cover it; {again}"),
    )


def still(image_bytes, header=None):
    """The bytes, or of an animation those of its first frame as a still WebP. Only for bytes without a `problem`."""
    header = read_header(image_bytes) if header is None else header
    at, size = header["frame"]
    frame = cut(image_bytes, at + (8 + _FRAME_HEADER), size - _FRAME_HEADER)
    alpha = tf.where(header["has_alpha"], chr(_FLAGS["has_alpha"]), "\0")
    parts = tf.strings.join([b"WEBPVP8X\x0a\0\0\0", alpha, b"\0\0\0", header["canvas"], frame])
    alone = tf.strings.join([b"RIFF", _spelled(tf.strings.length(parts)), parts])
    return tf.where(header["is_animated"], alone, image_bytes)


def _spelled(number):
    """Four bytes, lowest first, of an int32: out of a table, since no operator of TensorFlow's writes raw bytes."""
    table = [bytes([i]) for i in range(256)]
    return tf.strings.reduce_join(tf.gather(table, tf.bitwise.right_shift(number, [0, 8, 16, 24]) % 256))


def orientation(image_bytes, header=None):
    """WebP, string scalar -> int32 1..8 of its chunk `EXIF`; 1 without one. header: of `read_header`, if known."""

    def walk():
        at, size = _find(image_bytes, "EXIF")
        return on_host(exif.of_tiff)(cut(image_bytes, at + 8, size))

    header = read_header(image_bytes) if header is None else header
    return tf.cond(header["has_exif"], walk, lambda: exif.UPRIGHT)


def without_exif(image_bytes):
    """WebP, string scalar -> the same, whose chunk `EXIF` has a name that no decoder knows; as it is without one."""

    def walk():
        at, _ = _find(image_bytes, "EXIF")
        rest = cut(image_bytes, at + 4, tf.strings.length(image_bytes))
        return tf.where(at > 0, tf.strings.join([cut(image_bytes, 0, at), b"NONE", rest]), image_bytes)

    return tf.cond(read_header(image_bytes)["has_exif"], walk, lambda: image_bytes)


def _find(image_bytes, kind):
    """(where the first chunk of this kind begins, the size of what it holds); 0, 0 where none is whole."""
    return on_host(_walk, *_TEXTS)(image_bytes, kind)


def _walk(image_bytes, kind):
    end = tf.strings.length(image_bytes)
    first = tf.where(tf.equal(kind, _NOTHING), end, 12)

    def step(at, found, held):
        name, size = tf.unstack(tf.strings.substr(image_bytes, tf.stack([at, at + 4]), [4, 4]))  # there are 8 bytes
        size = tf.squeeze(tf.io.decode_raw(size, tf.int32, fixed_length=4), 0)
        behind = at + 8
        wrong = (size < 0) | (size > end - behind)
        is_this = tf.equal(name, kind)
        hit = is_this & ~wrong
        following = tf.where(wrong | is_this, end, behind + size + size % 2)
        return following, tf.where(hit, at, found), tf.where(hit, size, held)

    start = (first, tf.constant(0), tf.constant(0))
    _, at, size = tf.while_loop(lambda at, *_: at + 8 <= end, step, start, maximum_iterations=MOST_STEPS)
    return at, size
