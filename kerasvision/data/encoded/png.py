"""PNG (W3C, third edition): its header, its chunk `eXIf`, which may stand before or behind the pixels, and whether the
transparency of a palette is where decoders agree on it.
"""

import tensorflow as tf

from kerasvision.data.encoded import exif
from kerasvision.data.encoded.strings import MOST_STEPS, cut, first_problem, holds, on_host, padded, too_large

MAGIC = b"\x89PNG\r\n\x1a\n"
_HEADER = 26  # bytes, with the chunk's name, the size, the bits of a sample and the kind of color
_PALETTE = b"\3"  # that kind
_KINDS = ("eXIf", "PLTE", "tRNS", "IDAT")


def look(image_bytes):
    """(int32 [2] size as stored, why it must not be decoded or "")."""
    front = padded(image_bytes, 0, _HEADER)
    sides = tf.io.decode_raw(tf.strings.substr(front, [20, 16], [4, 4]), tf.int32, little_endian=False, fixed_length=4)
    hw = tf.squeeze(sides, 1)
    is_wrong = tf.not_equal(tf.strings.substr(front, 8, 8), b"\0\0\0\x0dIHDR") | tf.reduce_any(hw <= 0)
    has_palette = tf.equal(tf.strings.substr(front, 25, 1), _PALETTE)
    is_clear = holds(tf.where(has_palette, image_bytes, ""), "tRNS")
    is_unclear = tf.cond(is_clear, lambda: _has_alpha_elsewhere(image_bytes), lambda: False)
    problem = first_problem(
        (is_wrong, "cut off or damaged"),
        too_large(hw),
        (is_unclear, "a PNG whose transparency does not go with its palette; write it anew"),
    )
    return hw, problem


def _has_alpha_elsewhere(image_bytes):
    """bool: whether a palette's chunk `tRNS` is where the standard forbids it: there is one, behind the palette, before
    the pixels, of no more entries than that has (11.3.1.1). Some decoders pass over any other, some take it.
    """
    first, last, sizes = on_host(_walk)(image_bytes)
    _, palette_at, first_at, pixels_at = tf.unstack(first)
    _, _, last_at, _ = tf.unstack(last)
    _, palette_size, size, _ = tf.unstack(sizes)
    bits = tf.squeeze(tf.io.decode_raw(padded(image_bytes, 24, 1), tf.uint8, fixed_length=1), 0)
    most = tf.minimum(palette_size // 3, tf.bitwise.left_shift(1, tf.cast(tf.minimum(bits, 8), tf.int32)))
    is_placed = tf.equal(first_at, last_at) & (palette_at < first_at) & (first_at < pixels_at)
    return (first_at > 0) & ~(is_placed & (palette_at > 0) & (size <= most))


def orientation(image_bytes):
    """int32 1..8, the EXIF orientation of a PNG's chunk `eXIf`, 1 without one. image_bytes: string scalar."""

    def walk():
        at, size = _find_exif(image_bytes)
        return on_host(exif.of_tiff)(cut(image_bytes, at + 8, size))

    return tf.cond(holds(image_bytes, "eXIf"), walk, lambda: exif.UPRIGHT)


def without_exif(image_bytes):
    """PNG, string scalar -> the same without its last chunk `eXIf`, which `orientation` reads; as it is without one."""

    def walk():
        at, size = _find_exif(image_bytes)
        rest = cut(image_bytes, at + 12 + size, tf.strings.length(image_bytes))
        return tf.where(at > 0, tf.strings.join([cut(image_bytes, 0, at), rest]), image_bytes)

    return tf.cond(holds(image_bytes, "eXIf"), walk, lambda: image_bytes)


def _find_exif(image_bytes):
    """(where the last such chunk begins, the size of what it holds); 0, 0 when there is none."""
    _, last, sizes = on_host(_walk)(image_bytes)
    return last[0], sizes[0]


def _walk(image_bytes):
    """int32 [4] each, of `_KINDS`: where the first chunk begins, where the last does, and the size of what that holds;
    0 when there is none.
    """
    end = tf.strings.length(image_bytes)

    def step(at, first, last, sizes):
        length, name = tf.unstack(tf.strings.substr(image_bytes, tf.stack([at, at + 4]), [4, 4]))  # there are 12
        size = tf.squeeze(tf.io.decode_raw(length, tf.int32, little_endian=False, fixed_length=4), 0)
        behind = at + 12
        wrong = (size < 0) | (size > end - behind)
        hit = tf.equal(name, _KINDS) & ~wrong
        following = tf.where(wrong | tf.equal(name, "IEND"), end, behind + size)
        first = tf.where(hit & tf.equal(first, 0), at, first)
        return following, first, tf.where(hit, at, last), tf.where(hit, size, sizes)

    start = (tf.constant(len(MAGIC)), *[tf.zeros([len(_KINDS)], tf.int32)] * 3)
    _, *found = tf.while_loop(lambda at, *_: at + 12 <= end, step, start, maximum_iterations=MOST_STEPS)
    return tuple(found)
