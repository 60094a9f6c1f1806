"""Square windows cut out of pictures, of any size and at any place, by gathers that every runtime has."""

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
