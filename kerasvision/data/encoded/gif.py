"""GIF (CompuServe, GIF89a, 1990): its first frame, laid on its screen.

The decoder is given a file of that frame and one of a single pixel behind it. It would else read every frame, give a
picture of the largest frame's size, and where the frame's data are damaged hand out memory that it never wrote: the
second frame is there only if the first was read to its end.
"""

import tensorflow as tf

from kerasvision.data.encoded.strings import (
    MOST_STEPS,
    cut,
    first_problem,
    numbers,
    padded,
    refused,
    refused_unless,
    too_large,
)

_HEADER, _DESCRIPTOR = 13, 10  # bytes
_EXTENSION, _FRAME, _CONTROL = 0x21, 0x2C, 0xF9
_PIXEL = b",\0\0\0\0\1\0\1\0\x80" + bytes(6) + b"\2\2\x44\1\0"  # a frame of 1 x 1 with a palette of two colors
_DAMAGED = "cut off or damaged"
# bytes of the palette that a packed field announces
_PALETTE_SIZES = [3 * 2 ** (packed % 8 + 1) if packed >= 0x80 else 0 for packed in range(256)]


def look(image_bytes):
    """(int32 [2] size, why it must not be decoded or "")."""
    parsed = _parsed(image_bytes)
    return parsed["hw"], parsed["problem"]


def pixels(image_bytes):
    """uint8 [H, W, 3]. What the frame leaves free is black where it has a transparent color, else color 0 of its
    palette, as in Pillow; bytes with a problem are an error.
    """
    parsed = _parsed(image_bytes)
    with tf.control_dependencies([refused(parsed["problem"])]):
        alone = tf.identity(_alone(image_bytes, parsed))
    frames = tf.ensure_shape(tf.io.decode_image(alone, expand_animations=True), [None, None, None, 3])
    count, *frame_hw, _ = tf.unstack(tf.shape(frames))
    with tf.control_dependencies([refused_unless(tf.equal(count, 2), _DAMAGED)]):
        frame = tf.identity(frames[0])
    is_whole = tf.reduce_all(tf.equal(parsed["hw"], tf.stack(frame_hw)))
    return tf.cond(is_whole, lambda: frame, lambda: _laid(image_bytes, frame, frame_hw, parsed))


def _laid(image_bytes, frame, frame_hw, parsed):
    """The frame on its screen. frame_hw: its height and width."""
    corner = parsed["corner_yx"]
    behind = parsed["hw"] - corner - tf.stack(frame_hw)
    margins = tf.pad(tf.stack([corner, behind], 1), [[0, 1], [0, 0]])
    is_covered = tf.pad(tf.ones(tf.stack([*frame_hw, 1]), tf.bool), margins)
    raw = tf.io.decode_raw(cut(image_bytes, parsed["palette_at"], 3), tf.uint8, fixed_length=3)
    return tf.where(is_covered, tf.pad(frame, margins), tf.where(parsed["has_color"], raw, 0))


def _alone(image_bytes, parsed):
    """A GIF of the first frame, at the corner, and of `_PIXEL`."""
    at, clear_at = parsed["at"], parsed["clear_at"]
    control = tf.strings.join([b"!\xf9\x04\1\0\0", cut(image_bytes, clear_at, 1), b"\0,\0\0\0\0"])
    control = tf.where(clear_at > 0, control, b",\0\0\0\0")
    front, rest = cut(image_bytes, 0, parsed["front"]), cut(image_bytes, at + 5, parsed["end"] - at - 5)
    return tf.strings.join([front, control, rest, _PIXEL + b";"])


def _parsed(image_bytes):
    """hw, corner_yx: of the screen, and of the frame on it. has_color, palette_at: whether what is free has a color,
    and where that stands. front: bytes before the first block. at, end: of the frame. clear_at: where its transparent
    color stands, or 0. problem.
    """
    *screen, packed = tf.unstack(numbers(padded(image_bytes, 0, _HEADER), [8, 6, 10], [2, 2, 1]), num=3)
    front = _HEADER + tf.gather(_PALETTE_SIZES, packed)
    size = tf.strings.length(image_bytes)
    values = tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=size + _DESCRIPTOR)  # 0 behind the end
    at, clear_at = _first_frame(values, front, size)
    fields = numbers(padded(image_bytes, at, _DESCRIPTOR), [0, 3, 1, 7, 5, 9], [1, 2, 2, 2, 2, 1])
    kind, y, x, height, width, packed = tf.unstack(fields, num=6)
    corner, frame_hw, palette_size = tf.stack([y, x]), tf.stack([height, width]), tf.gather(_PALETTE_SIZES, packed)
    end = _behind(values, at + (_DESCRIPTOR + 1) + palette_size, size)
    hw = tf.maximum(tf.stack(screen), corner + frame_hw)
    is_frame = tf.equal(kind, _FRAME) & tf.reduce_all(frame_hw > 0)
    return {
        "hw": hw,
        "corner_yx": corner,
        "has_color": tf.equal(clear_at, 0) & (palette_size + front > _HEADER),
        "palette_at": tf.where(palette_size > 0, at + _DESCRIPTOR, _HEADER),
        "front": front,
        "at": at,
        "end": end,
        "clear_at": clear_at,
        "problem": first_problem((~is_frame | (end > size), _DAMAGED), too_large(hw)),
    }


def _first_frame(values, at, size):
    """(where the first block that is no extension begins, where the last transparent color before it stands or 0)."""

    def step(at, inside, clear_at, _):
        first, second, flags = tf.unstack(tf.cast(tf.gather(values, at + [0, 1, 3]), tf.int32))
        is_extension = ~inside & tf.equal(first, _EXTENSION)
        clears = is_extension & tf.equal(second, _CONTROL) & tf.equal(flags % 2, 1)
        following = at + tf.where(is_extension, 2, 1 + first)
        going = inside | is_extension
        still_inside = is_extension | (inside & (first > 0))
        return tf.where(going, following, at), still_inside, tf.where(clears, at + 6, clear_at), going

    def unfinished(at, inside, clear_at, going):
        return going & (at < size)

    start = (tf.minimum(at, size), tf.constant(False), tf.constant(0), tf.constant(True))
    at, _, clear_at, _ = tf.while_loop(unfinished, step, start, maximum_iterations=MOST_STEPS)
    return at, clear_at


def _behind(values, at, size):
    """Where the parts of a frame's data end; beyond `size` where they are cut off."""

    def step(at, _):
        length = tf.cast(tf.gather(values, at), tf.int32)
        following = at + 1 + length
        return following, tf.equal(length, 0) | (following >= size)

    start = (tf.minimum(at, size), at >= size)
    at, done = tf.while_loop(lambda at, done: ~done, step, start, maximum_iterations=MOST_STEPS)
    ended = done & tf.equal(tf.gather(values, tf.clip_by_value(at - 1, 0, size)), 0)
    return tf.where(ended, at, size + 1)
