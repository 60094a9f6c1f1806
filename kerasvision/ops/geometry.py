"""From original pixels to graph pixels and back. One affine without rotation per image: graph_xy = xy * scale + offset.

Resized pixels are rounded to uint8. So a client that resizes and hands over 8-bit pixels (a phone, a TFLite
interpreter) gives the graph exactly what training and the SavedModel give it.

Bilinear interpolation looks at two pixels along an axis, bicubic at four, however many there are: where a photograph of
4000 x 3000 pixels becomes 224 x 224, at one pixel in sixty. With `antialias` a side of H pixels that becomes h < H / 2
is averaged instead: row i of the result is the mean of the original's rows between i * H / h and (i + 1) * H / h, those
at both ends with the part of them that lies in between. Columns likewise. A side that shrinks by less is interpolated
after that, as without `antialias`; at H = 2 h bilinear is this mean. Nothing is rounded in between.
"""

import tensorflow as tf

INTERPOLATED = ("bilinear", "bicubic")  # methods that look at a few pixels, however many lie between them
RESIZES = ("stretch", "letterbox", "center_crop")
PAD_VALUE = 114  # letterbox gray, as in YOLOv5 (Jocher et al., 2020)


def identity(image_hw):
    """Geometry of images that are in graph pixels already. image_hw: int32 [B, 2]."""
    batch = tf.shape(image_hw)[0]
    return {
        "scale_xy": tf.ones([batch, 2]),
        "offset_xy": tf.zeros([batch, 2]),
        "image_hw": tf.cast(image_hw, tf.int32),
    }


def fit_images(images, size_hw, resize="stretch", method="bilinear", crop_fraction=1.0, antialias=False):
    """Images to the graph's size.

    images: uint8 or float [B, H, W, C] in 0..255. size_hw: (h, w) of the graph. resize: `stretch` ignores the aspect,
    `letterbox` keeps it and pads, `center_crop` keeps it and cuts a centered window of `crop_fraction` of the side.
    antialias: where method is bilinear or bicubic, sides that shrink by more than two are averaged; it says below how.
    Returns uint8 [B, h, w, C] and the geometry: `scale_xy`, `offset_xy` float32 [B, 2], `image_hw` int32 [B, 2].
    """
    shape = tf.shape(images)
    image_hw = tf.tile(shape[None, 1:3], [shape[0], 1])
    h, w = size_hw
    if resize == "center_crop":
        images, scale_xy, offset_xy = _cut_center(images, size_hw, crop_fraction)
    elif resize == "letterbox":
        return _letterbox(images, size_hw, method, image_hw, antialias)
    else:
        hw = tf.cast(shape[1:3], tf.float32)
        scale_xy, offset_xy = tf.stack([w / hw[1], h / hw[0]]), tf.zeros([2])
    tile = [shape[0], 1]
    geometry = {
        "scale_xy": tf.tile(scale_xy[None], tile),
        "offset_xy": tf.tile(offset_xy[None], tile),
        "image_hw": image_hw,
    }
    return _resize(images, size_hw, method, antialias), geometry


def pad_images(images, size_hw):
    """Images at their own size, padded at the bottom and the right with gray to `size_hw` or more.

    images: uint8 [B, H, W, C] -> (uint8 [B, max(H, h), max(W, w), C], geometry).
    """
    image_hw = tf.tile(tf.shape(images)[None, 1:3], [tf.shape(images)[0], 1])
    missing = tf.maximum(tf.constant(size_hw) - tf.shape(images)[1:3], 0)
    pads = [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]]
    return tf.pad(images, pads, constant_values=tf.constant(PAD_VALUE, tf.uint8)), identity(image_hw)


def _resize(images, size_hw, method, antialias):
    if tuple(images.shape[1:3]) != tuple(size_hw):
        images = _resampled(images, size_hw, method, antialias)
    return as_uint8(images)


def _resampled(images, size_hw, method, antialias):
    def interpolated(images):
        return tf.image.resize(images, size_hw, method=method)

    if not antialias or method not in INTERPOLATED:
        return interpolated(images)
    sides = tf.shape(images)[1:3]
    shrinks = sides > 2 * tf.convert_to_tensor(size_hw)

    def averaged():
        return interpolated(tf.raw_ops.ResizeArea(images=images, size=tf.where(shrinks, size_hw, sides)))

    known = tf.get_static_value(tf.reduce_any(shrinks))
    if known is not None:
        return averaged() if known else interpolated(images)
    return tf.cond(tf.reduce_any(shrinks), averaged, lambda: tf.cast(interpolated(images), tf.float32))


def as_uint8(pixels):
    """Float pixels to the nearest of 0..255."""
    if pixels.dtype == tf.uint8:
        return pixels
    return tf.cast(tf.clip_by_value(tf.round(pixels), 0.0, 255.0), tf.uint8)


def _cut_center(images, size_hw, crop_fraction):
    h, w = size_hw
    hw = tf.cast(tf.shape(images)[1:3], tf.float32)
    step = tf.minimum(hw[0] / h, hw[1] / w) * crop_fraction  # original pixels a graph pixel
    window = tf.maximum(tf.cast(tf.round(tf.stack([h * step, w * step])), tf.int32), 1)
    origin = (tf.shape(images)[1:3] - window) // 2
    images = images[:, origin[0] : origin[0] + window[0], origin[1] : origin[1] + window[1]]
    scale_yx = tf.constant([h, w], tf.float32) / tf.cast(window, tf.float32)
    return images, scale_yx[::-1], -(tf.cast(origin, tf.float32) * scale_yx)[::-1]


def _letterbox(images, size_hw, method, image_hw, antialias):
    h, w = size_hw
    hw = tf.cast(tf.shape(images)[1:3], tf.float32)
    scale = tf.minimum(h / hw[0], w / hw[1])
    inner = tf.clip_by_value(tf.cast(tf.round(hw * scale), tf.int32), 1, tf.constant([h, w]))
    images = as_uint8(_resampled(images, inner, method, antialias))
    top, left = (h - inner[0]) // 2, (w - inner[1]) // 2
    pads = [[0, 0], [top, h - inner[0] - top], [left, w - inner[1] - left], [0, 0]]
    images = tf.pad(images, pads, constant_values=tf.constant(PAD_VALUE, tf.uint8))
    images = tf.ensure_shape(images, [None, h, w, None])
    tile = [tf.shape(image_hw)[0], 1]
    scale_yx = tf.cast(inner, tf.float32) / hw
    offset = tf.cast(tf.stack([left, top]), tf.float32)
    return images, {
        "scale_xy": tf.tile(scale_yx[::-1][None], tile),
        "offset_xy": tf.tile(offset[None], tile),
        "image_hw": image_hw,
    }


def move_boxes(boxes_xyxy, geometry):
    """Original to graph pixels. boxes_xyxy: [N, 4]; geometry of one image."""
    return boxes_xyxy * tf.tile(geometry["scale_xy"], [2]) + tf.tile(geometry["offset_xy"], [2])


def restore_boxes(boxes_xyxy, geometry):
    """Graph to original pixels. boxes_xyxy: [B, N, 4]; geometry of the batch."""
    scale = tf.tile(geometry["scale_xy"], [1, 2])[:, None]
    offset = tf.tile(geometry["offset_xy"], [1, 2])[:, None]
    return (boxes_xyxy - offset) / scale


def move_points(points_xy, geometry):
    """Original to graph pixels. points_xy: [..., 2]; geometry of one image."""
    return points_xy * geometry["scale_xy"] + geometry["offset_xy"]


def restore_points(points_xy, geometry):
    """Graph to original pixels. points_xy: [B, N, ..., 2]; geometry of the batch."""
    free = [1] * (len(points_xy.shape) - 2)
    scale, offset = (tf.reshape(geometry[k], [-1, *free, 2]) for k in ("scale_xy", "offset_xy"))
    return (points_xy - offset) / scale
