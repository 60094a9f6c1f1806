"""GIF (CompuServe, GIF89a, 1990): its first frame, laid on its screen.

The decoder is given a file of that frame and one of a single pixel behind it. It would else read every frame, give a
picture of the largest frame's size, and where the frame's data are damaged hand out memory that it never wrote: the
second frame is there only if the first was read to its end.
"""

import tensorflow as tf

from kerasvision.data.encoded.strings import MOST_STEPS, cut, first_problem, head, little, refused, too_large

_HEADER, _DESCRIPTOR = 13, 10  # bytes
_EXTENSION, _FRAME, _CONTROL = 0x21, 0x2C, 0xF9
_PIXEL = b",\0\0\0\0\1\0\1\0\x80" + bytes(6) + b"\2\2\x44\1\0"  # a frame of 1 x 1 with a palette of two colors
_DAMAGED = "cut off or damaged"


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
    whole = tf.where(tf.equal(tf.shape(frames)[0], 2), "", _DAMAGED)
    with tf.control_dependencies([refused(whole)]):
        frame = tf.identity(frames[0])
    return tf.cond(tf.reduce_all(parsed["hw"] == tf.shape(frame)[:2]), lambda: frame, lambda: _laid(frame, parsed))


def _laid(frame, parsed):
    """The frame on its screen."""
    corner = parsed["corner_yx"]
    behind = parsed["hw"] - corner - tf.shape(frame)[:2]
    margins = tf.pad(tf.stack([corner, behind], 1), [[0, 1], [0, 0]])
    is_covered = tf.pad(tf.ones_like(frame[..., :1], tf.bool), margins)
    return tf.where(is_covered, tf.pad(frame, margins), tf.cast(parsed["color"], tf.uint8))


def _alone(image_bytes, parsed):
    """A GIF of the first frame, at the corner, and of `_PIXEL`."""
    at, clear_at = parsed["at"], parsed["clear_at"]
    control = tf.strings.join([b"!\xf9\x04\1\0\0", cut(image_bytes, clear_at, 1), b"\0"])
    control = tf.where(clear_at > 0, control, "")
    front, rest = cut(image_bytes, 0, parsed["front"]), cut(image_bytes, at + 5, parsed["end"] - at - 5)
    return tf.strings.join([front, control, b",\0\0\0\0", rest, _PIXEL, b";"])


def _parsed(image_bytes):
    """hw, corner_yx: of the screen, and of the frame on it. color: int32 [3] of what is free. front: bytes before the
    first block. at, end: of the frame. clear_at: where its transparent color stands, or 0. problem.
    """
    header = head(image_bytes, 0, _HEADER)
    front = _HEADER + _palette_size(header[10])
    values = tf.concat([tf.io.decode_raw(image_bytes, tf.uint8), tf.zeros([_DESCRIPTOR], tf.uint8)], 0)
    size = tf.strings.length(image_bytes)
    at, clear_at = _first_frame(values, front, size)
    fields = head(image_bytes, at, _DESCRIPTOR)
    corner = tf.stack([little(fields, 3, 2), little(fields, 1, 2)])
    frame_hw = tf.stack([little(fields, 7, 2), little(fields, 5, 2)])
    palette_size = _palette_size(fields[9])
    end = _behind(values, at + _DESCRIPTOR + palette_size + 1, size)
    palette_at = tf.where(palette_size > 0, at + _DESCRIPTOR, _HEADER)
    has_color = tf.equal(clear_at, 0) & (palette_size + front > _HEADER)
    hw = tf.maximum(tf.stack([little(header, 8, 2), little(header, 6, 2)]), corner + frame_hw)
    is_frame = tf.equal(fields[0], _FRAME) & tf.reduce_all(frame_hw > 0)
    return {
        "hw": hw,
        "corner_yx": corner,
        "color": tf.where(has_color, head(image_bytes, palette_at, 3), 0),
        "front": front,
        "at": at,
        "end": end,
        "clear_at": clear_at,
        "problem": first_problem((~is_frame | (end > size), _DAMAGED), too_large(hw[0], hw[1])),
    }


def _palette_size(flags):
    """Bytes of the palette that a packed field announces."""
    colors = tf.bitwise.left_shift(2, tf.bitwise.bitwise_and(flags, 7))
    return tf.where(flags >= 0x80, 3 * colors, 0)


def _first_frame(values, at, size):
    """(where the first block that is no extension begins, where the last transparent color before it stands or 0)."""

    def step(at, inside, clear_at, _):
        first, second, flags = values[at], values[at + 1], values[at + 3]
        is_extension = ~inside & tf.equal(first, _EXTENSION)
        clears = is_extension & tf.equal(second, _CONTROL) & tf.equal(flags % 2, 1)
        following = at + tf.where(is_extension, 2, 1 + tf.cast(first, tf.int32))
        going = inside | is_extension
        still_inside = is_extension | (inside & (first > 0))
        done = ~going | (following >= size)
        return tf.where(going, following, at), still_inside, tf.where(clears, at + 6, clear_at), done

    at = tf.minimum(at, size)
    start = (at, tf.constant(False), tf.constant(0), at >= size)
    at, _, clear_at, _ = tf.while_loop(lambda *held: ~held[-1], step, start, maximum_iterations=MOST_STEPS)
    return at, clear_at


def _behind(values, at, size):
    """Where the parts of a frame's data end; beyond `size` where they are cut off."""

    def step(at, _):
        length = tf.cast(values[at], tf.int32)
        return at + 1 + length, tf.equal(length, 0) | (at + 1 + length >= size)

    start = (tf.minimum(at, size), at >= size)
    at, done = tf.while_loop(lambda at, done: ~done, step, start, maximum_iterations=MOST_STEPS)
    ended = done & tf.equal(values[tf.clip_by_value(at - 1, 0, size)], 0)
    return tf.where(ended, at, size + 1)
