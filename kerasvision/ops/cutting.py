"""Windows and boxes cut out of pictures, of any size and at any place, by gathers that every runtime has."""

import tensorflow as tf

from kerasvision.ops import boxes as box_ops
from kerasvision.ops.geometry import PAD_VALUE

_LEAST_PX = 1.0  # of a box's sides


def context_side(boxes_xyxy):
    """Side of the square around a box that shows as much of its surroundings: sqrt((w + p) (h + p)), p = (w + h) / 2
    (Bertinetto et al. 2016, arXiv:1606.09549, section 3.1). [..., 4] -> [...], pixels.
    """
    size = tf.maximum(box_ops.to_cxcywh(boxes_xyxy)[..., 2:], _LEAST_PX)
    margin = tf.reduce_sum(size, -1, keepdims=True) / 2.0
    return tf.sqrt(tf.reduce_prod(size + margin, -1))


def cut_windows(images, centers_xy, sides, size):
    """Windows of B pictures, resized by bilinear interpolation.

    images: uint8 or float [B, H, W, C], H and W known. centers_xy: float32 [B, 2], pixels; sides: float32 [B], of the
    windows, pixels. size: int. What lies outside of a picture is gray (114). Returns float32 [B, size, size, C].
    """
    _, height, width, _ = images.shape
    steps = (tf.range(size, dtype=tf.float32) + 0.5) / size - 0.5
    y, x = (centers_xy[:, i, None] + steps * sides[:, None] - 0.5 for i in (1, 0))  # [B, size], of pixels' centers
    down, up, along_y, inside_y = _beside(y, height)
    left, right, along_x, inside_x = _beside(x, width)
    rows = _between(images, down, up, along_y[:, :, None, None], 1)
    found = _between(rows, left, right, along_x[:, None, :, None], 2)
    inside = (inside_y[:, :, None] * inside_x[:, None, :])[..., None]
    return found * inside + PAD_VALUE * (1.0 - inside)


def cut_boxes(images, boxes_xyxy, size_hw, resize="stretch", crop_fraction=1.0):
    """What is in N boxes of each of B pictures, fitted to (h, w) as `geometry.fit_images` fits a picture, by bilinear
    interpolation alone: of a box that is shrunk by more than two, pixels between are not seen.

    images: uint8 or float [B, H, W, C], H and W known. boxes_xyxy: float32 [B, N, 4], pixels; what is outside of the
    picture is cut off, and a pixel is left of each side. resize: `stretch`, `letterbox`, whose border is gray (114), or
    `center_crop` of `crop_fraction` of the side. Nothing is rounded. Returns float32 [B, N, h, w, C].
    """
    _, height, width, channels = images.shape
    count, (h, w) = boxes_xyxy.shape[1], size_hw
    most = tf.constant([width, height], tf.float32)
    low = tf.clip_by_value(boxes_xyxy[..., :2], 0.0, most - 1.0)
    high = tf.maximum(tf.minimum(boxes_xyxy[..., 2:], most), low + 1.0)
    step = (high - low) / tf.constant([w, h], tf.float32)  # pixels of the picture to one that is made, [B, N, 2]
    if resize == "letterbox":
        step = tf.reduce_max(step, -1, keepdims=True) + tf.zeros_like(step)
    elif resize == "center_crop":
        step = tf.reduce_min(step, -1, keepdims=True) * crop_fraction + tf.zeros_like(step)
        middle, half = (low + high) / 2.0, step * tf.constant([w, h], tf.float32) / 2.0
        low, high = middle - half, tf.maximum(middle + half, middle - half + 1.0)
    (x, inside_x), (y, inside_y) = (
        _points(low[..., i], high[..., i], step[..., i], side) for i, side in ((0, w), (1, h))
    )
    down, up, along_y, _ = _beside(tf.reshape(y, [-1, count * h]), height)
    left, right, along_x, _ = _beside(tf.reshape(x, [-1, w]), width)
    rows = tf.reshape(_between(images, down, up, along_y[..., None, None], 1), [-1, h, width, channels])
    found = _between(rows, left, right, along_x[:, None, :, None], 2)
    inside = (inside_y[..., :, None] * inside_x[..., None, :])[..., None]
    return tf.reshape(found, [-1, count, h, w, channels]) * inside + PAD_VALUE * (1.0 - inside)


def _points(low, high, step, side):
    """([B, N, side], of pixels' centers: where a side is looked at, within it; 1 where that is so by itself)."""
    steps = tf.range(side, dtype=tf.float32) + (0.5 - side / 2.0)
    low, high = low[..., None], high[..., None]
    at = (low + high) / 2.0 + steps * step[..., None]
    inside = tf.cast((at >= low) & (at <= high), tf.float32)
    return tf.clip_by_value(at, low + 0.5, high - 0.5) - 0.5, inside


def _beside(at, side):
    """The two pixels beside each position, how far it is from the first to the second, and 1 where it is within."""
    inside = tf.cast((at >= -0.5) & (at <= side - 0.5), tf.float32)
    at = tf.clip_by_value(at, 0.0, side - 1.0)
    first = tf.minimum(tf.floor(at), side - 1.0)
    second = tf.minimum(first + 1.0, side - 1.0)
    return tf.cast(first, tf.int32), tf.cast(second, tf.int32), at - first, inside


def _between(values, first, second, along, axis):
    a, b = (tf.cast(tf.gather(values, at, axis=axis, batch_dims=1), tf.float32) for at in (first, second))
    return a + (b - a) * along
