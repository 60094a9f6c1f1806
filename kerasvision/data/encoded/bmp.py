"""BMP (Microsoft, BITMAPINFOHEADER and later): palettes, and which of its kinds TensorFlow would read wrongly."""

import tensorflow as tf

from kerasvision.data.encoded.strings import cut, first_problem, head, little, too_large

_FILE_HEADER, _SHORTEST = 14, 40  # bytes; the header of OS/2 is shorter, and its fields stand elsewhere
_MASKS = b"\0\0\xff\0" + b"\0\xff\0\0" + b"\xff\0\0\0"  # of red, green and blue in 32 bits, as without masks


def _fields(image_bytes):
    values = head(image_bytes, 0, 54)
    at = {"start": (10, 4), "header": (14, 4), "width": (18, 4), "height": (22, 4), "bits": (28, 2)}
    at |= {"compression": (30, 4), "colors": (46, 4)}
    return {name: little(values, *place) for name, place in at.items()}


def hw(image_bytes):
    """int32 [2]; rows may be stored from the top, which a negative height says."""
    fields = _fields(image_bytes)
    return tf.stack([tf.abs(fields["height"]), fields["width"]])


def problem(image_bytes, hw):
    """Why it must not be decoded, or ""."""
    fields = _fields(image_bytes)
    bits, compression = fields["bits"], fields["compression"]
    is_masked = tf.equal(compression, 3)
    squeezed = tf.where(tf.equal(compression, 0) | is_masked, "", ", compressed,")
    kind = tf.strings.join(["BMP of ", tf.strings.as_string(bits), " bits a pixel", squeezed, " is not supported"])
    known = tf.reduce_any(tf.equal(bits, [8, 24, 32])) & tf.equal(squeezed, "")
    odd = is_masked & (tf.not_equal(bits, 32) | tf.not_equal(cut(image_bytes, 54, 12), _MASKS))
    start, end = fields["start"], tf.strings.length(image_bytes)
    misplaced = (start - _FILE_HEADER < fields["header"]) | (start > end)  # a header of 40 or more, by then
    cut_off = _bytes_of(hw, bits) > tf.cast(end - start, tf.int64)
    return first_problem(
        (end < 54, "cut off or damaged"),
        (fields["header"] < _SHORTEST, "BMP of OS/2 is not supported; convert it to PNG"),
        (~known, tf.strings.join([kind, "; convert it to PNG"])),
        (odd, "BMP with masks of its own is not supported; convert it to PNG"),
        (tf.reduce_any(hw <= 0), "cut off or damaged"),
        too_large(hw[0], hw[1]),
        (misplaced | cut_off, "cut off or damaged"),
    )


def _bytes_of(hw, bits):
    """int64: of the pixels, whose rows are padded to four bytes."""
    row = (tf.cast(hw[1], tf.int64) * tf.cast(bits // 8, tf.int64) + 3) // 4 * 4
    return row * tf.cast(hw[0], tf.int64)


def pixels(image_bytes):
    """uint8 [H, W, 3]. Only for bytes without a `problem`; what stands behind the pixels is cut off."""
    fields = _fields(image_bytes)
    size = fields["start"] + tf.cast(_bytes_of(hw(image_bytes), fields["bits"]), tf.int32)
    stored = tf.io.decode_image(cut(image_bytes, 0, size), channels=0, expand_animations=False)
    stored = tf.ensure_shape(stored, [None, None, None])
    return tf.cond(tf.shape(stored)[-1] < 3, lambda: _look_up(image_bytes, fields, stored), lambda: stored[..., :3])


def _look_up(image_bytes, fields, stored):
    """TensorFlow returns the indices of a BMP with 8 bits a pixel. Its palette of B, G, R, 0 lies after the header; a
    pixel beyond the palette is black.
    """
    at = _FILE_HEADER + fields["header"]
    count = tf.where((fields["colors"] > 0) & (fields["colors"] < 256), fields["colors"], 256)
    raw = tf.io.decode_raw(cut(image_bytes, at, 4 * count), tf.uint8, fixed_length=1024)
    return tf.gather(tf.reshape(raw, [256, 4])[:, 2::-1], tf.cast(stored[..., 0], tf.int32))
