"""Encoded image -> RGB pixels, the same in training and in the SavedModel's bytes signature. Pure TensorFlow.

JPEG, PNG, BMP, GIF and WebP become uint8 [H, W, 3] by these rules, which a client without TensorFlow can repeat:

* Stored pixels count: the EXIF orientation is ignored.
* Gray becomes three equal channels; CMYK JPEG becomes RGB; 16 bits keep their high byte.
* Transparency (PNG, WebP) is composited over white, as a browser shows it: colors below full transparency are whatever
  the writer left there. Pillow: `Image.alpha_composite(Image.new("RGBA", size, "white"), image.convert("RGBA"))`.
* Of an animation, the first frame. A PNG's color key is ignored, a GIF's transparent pixels become black, a BMP's
  alpha is dropped: TensorFlow hands out none of these, and the fourth byte of a BMP pixel is mostly unused.
* JPEG uses the accurate integer DCT, which is also libjpeg-turbo's default in Pillow and Android: equal to the bit.
  TensorFlow's own default is the fast one, up to 12 levels off.
"""

import tensorflow as tf

_DCT = "INTEGER_ACCURATE"


def decode(image_bytes, window=None):
    """One encoded image -> uint8 [H, W, 3].

    image_bytes: string scalar. window: int32 [4] (y, x, height, width) inside the image, cut while a JPEG is decoded;
    other formats are decoded, then cut. Bytes that are no such image are a `tf.errors.InvalidArgumentError`.
    """
    image = tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: _decode_jpeg(image_bytes, window),
        lambda: _cut(_decode_other(image_bytes), window),
    )
    return tf.ensure_shape(image, [None, None, 3])


def decode_present(image_bytes):
    """One encoded image with transparency -> `image` uint8 [H, W, 3], and `present` uint8 [H, W]: 0 where a pixel is
    wholly transparent, whose color is 0. Without transparency every pixel is present.
    """
    stored = tf.ensure_shape(tf.io.decode_image(image_bytes, channels=0, expand_animations=False), [None, None, None])
    has_alpha = tf.equal(tf.shape(stored)[-1] % 2, 0)
    alpha = tf.cond(
        has_alpha, lambda: stored[..., -1], lambda: tf.fill(tf.shape(stored)[:2], tf.constant(255, tf.uint8))
    )
    present = tf.cast(alpha > 0, tf.uint8)
    return {"image": decode(image_bytes) * present[..., None], "present": present}


def image_hw(image_bytes):
    """int32 [2] (height, width). JPEG and PNG are asked for their header, other formats are decoded."""
    return tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: tf.image.extract_jpeg_shape(image_bytes)[:2],
        lambda: tf.cond(_is_png(image_bytes), lambda: _png_hw(image_bytes), lambda: _other_hw(image_bytes)),
    )


def _decode_jpeg(image_bytes, window):
    if window is None:
        return tf.io.decode_jpeg(image_bytes, channels=3, dct_method=_DCT)
    return tf.image.decode_and_crop_jpeg(image_bytes, window, channels=3, dct_method=_DCT)


def _decode_other(image_bytes):
    """`decode_image` finds the format itself, so a graph holds no op that an older server does not know."""
    stored = tf.io.decode_image(image_bytes, channels=0, expand_animations=False)
    stored = tf.ensure_shape(stored, [None, None, None])
    is_bmp = tf.equal(tf.strings.substr(image_bytes, 0, 2), "BM")
    return tf.cond(is_bmp, lambda: _bmp_colors(image_bytes, stored), lambda: _flatten(stored))


def _flatten(stored):
    """Gray, gray + alpha, RGB or RGBA, uint8 [H, W, 1 to 4] -> RGB."""
    channels = tf.shape(stored)[-1]
    color = tf.cond(channels < 3, lambda: tf.tile(stored[..., :1], [1, 1, 3]), lambda: stored[..., :3])
    return tf.cond(tf.equal(channels % 2, 0), lambda: _over_white(color, stored[..., -1:]), lambda: color)


def _over_white(color, alpha):
    color, alpha = tf.cast(color, tf.int32), tf.cast(alpha, tf.int32)
    return tf.cast((color * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _bmp_colors(image_bytes, stored):
    """TensorFlow returns the indices of a BMP with 8 bits a pixel; its palette of B, G, R, 0 lies after the header."""
    channels = tf.shape(stored)[-1]
    return tf.cond(channels < 3, lambda: _look_up(image_bytes, stored[..., 0]), lambda: stored[..., :3])


def _look_up(image_bytes, indices):
    start = 14 + _little_endian(image_bytes, 14, tf.int32)
    stop = _little_endian(image_bytes, 10, tf.int32)
    palette = tf.io.decode_raw(tf.strings.substr(image_bytes, start, stop - start), tf.uint8)
    palette = tf.reshape(palette[: tf.size(palette) // 4 * 4], [-1, 4])[:, 2::-1]
    return tf.gather(palette, tf.cast(indices, tf.int32))


def _cut(image, window):
    if window is None:
        return image
    y, x, height, width = tf.unstack(tf.cast(window, tf.int32), num=4)
    bounds = tf.shape(image)
    inside = (y >= 0) & (x >= 0) & (height > 0) & (width > 0) & (y + height <= bounds[0]) & (x + width <= bounds[1])
    with tf.control_dependencies([tf.debugging.Assert(inside, ["window outside the image:", window, bounds])]):
        return tf.identity(image[y : y + height, x : x + width])


def _is_png(image_bytes):
    return tf.equal(tf.strings.substr(image_bytes, 0, 8), b"\x89PNG\r\n\x1a\n")


def _png_hw(image_bytes):
    width_height = tf.io.decode_raw(tf.strings.substr(image_bytes, 16, 8), tf.int32, little_endian=False)
    return tf.reshape(width_height[::-1], [2])


def _other_hw(image_bytes):
    return tf.shape(_decode_other(image_bytes))[:2]


def _little_endian(image_bytes, at, dtype):
    return tf.io.decode_raw(tf.strings.substr(image_bytes, at, dtype.size), dtype)[0]
