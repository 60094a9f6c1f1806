"""BMP (Microsoft, BITMAPINFOHEADER and later): palettes, and which of its kinds TensorFlow would read wrongly."""

import tensorflow as tf

from kerasvision.data.encoded.strings import cut, first_problem, numbers, padded, refused, too_large

_FILE_HEADER, _SHORTEST, _BOTH = 14, 40, 54  # bytes; the header of OS/2 is shorter, and its fields stand elsewhere
_FIELDS = {"start": (10, 4), "header": (14, 4), "width": (18, 4), "height": (22, 4), "bits": (28, 2)}
_FIELDS |= {"compression": (30, 4), "colors": (46, 4)}  # (place, bytes)
_MASKS = b"\0\0\xff\0" + b"\0\xff\0\0" + b"\xff\0\0\0"  # of red, green and blue in 32 bits, as without masks


def look(image_bytes):
    """(int32 [2] size, why it must not be decoded or "")."""
    fields = _fields(image_bytes)
    return fields["hw"], _problem(image_bytes, fields)


def _fields(image_bytes):
    """Those of the header; hw: int32 [2]; size: int64, of the pixels, whose rows are padded to four bytes."""
    values = tf.unstack(numbers(padded(image_bytes, 0, _BOTH), *zip(*_FIELDS.values(), strict=True)), num=len(_FIELDS))
    fields = dict(zip(_FIELDS, values, strict=True))
    height = tf.abs(fields["height"])  # rows may be stored from the top, which a negative height says
    row = (tf.cast(fields["width"], tf.int64) * tf.cast(fields["bits"] // 8, tf.int64) + 3) // 4 * 4
    return fields | {"hw": tf.stack([height, fields["width"]]), "size": row * tf.cast(height, tf.int64)}


def _problem(image_bytes, fields):
    bits, compression, hw = fields["bits"], fields["compression"], fields["hw"]
    is_masked = tf.equal(compression, 3)
    is_plain = tf.equal(compression, 0) | is_masked
    is_known = tf.reduce_any(tf.equal(bits, [8, 24, 32]))
    odd = is_masked & (tf.not_equal(bits, 32) | tf.not_equal(cut(image_bytes, _BOTH, 12), _MASKS))
    start, end = fields["start"], tf.strings.length(image_bytes)
    color = tf.where(tf.equal(bits, 8), 4, 0)  # bytes: the least that a palette has
    # a header of 40 or more, by then. Where there is no room for a palette some decoders move the pixels behind one
    misplaced = (start - _FILE_HEADER - color < fields["header"]) | (start > end)
    cut_off = fields["size"] > tf.cast(end - start, tf.int64)
    found = first_problem(
        (end < _BOTH, "cut off or damaged"),
        (fields["header"] < _SHORTEST, "BMP of OS/2 is not supported; convert it to PNG"),
        (~is_plain, "BMP of # bits a pixel, compressed, is not supported; convert it to PNG"),
        (~is_known, "BMP of # bits a pixel is not supported; convert it to PNG"),
        (odd, "BMP with masks of its own is not supported; convert it to PNG"),
        (tf.reduce_any(hw <= 0), "cut off or damaged"),
        too_large(hw),
        (misplaced | cut_off, "cut off or damaged"),
    )
    return tf.strings.regex_replace(found, "#", tf.strings.as_string(bits))


def pixels(image_bytes):
    """uint8 [H, W, 3]; bytes with a problem are an error. What stands behind the pixels is cut off."""
    fields = _fields(image_bytes)
    with tf.control_dependencies([refused(_problem(image_bytes, fields))]):
        whole = cut(image_bytes, 0, fields["start"] + tf.cast(fields["size"], tf.int32))
    stored = tf.io.decode_image(whole, channels=0, expand_animations=False)
    stored = tf.ensure_shape(stored, [None, None, None])
    *_, channels = tf.unstack(tf.shape(stored))
    return tf.cond(channels < 3, lambda: _look_up(image_bytes, fields, stored), lambda: stored[..., :3])


def _look_up(image_bytes, fields, stored):
    """TensorFlow returns the indices of a BMP with 8 bits a pixel. Its palette of B, G, R, 0 lies after the header; a
    pixel beyond the palette is black.
    """
    at = _FILE_HEADER + fields["header"]
    count = tf.where((fields["colors"] > 0) & (fields["colors"] < 256), fields["colors"], 256)
    raw = tf.io.decode_raw(cut(image_bytes, at, 4 * count), tf.uint8, fixed_length=1024)
    palette = tf.gather(tf.reshape(raw, [256, 4]), [2, 1, 0], axis=1)
    return tf.gather(palette, tf.cast(tf.squeeze(stored, 2), tf.int32))
