"""Heat: how much each position of a feature map has to do with a score, and the way back to the input's pixels."""

import tensorflow as tf

from kerasvision.ops import volumes


def grad_cam(own, slope, by_position=False):
    """Grad-CAM of a feature map [B, ..., C] and the slope of a score by it: float32 [B, ..., 1], at least 0.

    "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (Selvaraju et al. 2016,
    arXiv:1610.02391, equations 1 and 2). by_position: each position has its own weights, as in HiResCAM (Draelos, Carin
    2020, arXiv:2011.08891, section 3.3), in place of their mean over all of them, equation 1.
    """
    every = tuple(range(1, slope.shape.rank - 1))
    weights = slope if by_position else tf.reduce_mean(slope, every, keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * own, -1, keepdims=True))


def enlarged(heat, size):
    """[N, h, w, C] or [N, d, h, w, C] -> [N, *size, C], linear in between."""
    return tf.image.resize(heat, size) if len(size) == 2 else volumes.resize(heat, size)


def in_original(heat, geometry):
    """[B, h, w] of the positions of a graph's input -> float32 [B, H, W] of the pixels of the originals, which are of
    one size: linear in between, 0 where the graph did not look.

    geometry: `scale_xy`, `offset_xy` float32 [B, 2] and `image_hw` int32 [B, 2], as `ops.geometry` has them.
    """
    heat = tf.cast(heat, tf.float32)
    scale, offset, sides = geometry["scale_xy"], geometry["offset_xy"], tf.unstack(geometry["image_hw"][0])
    rows, columns = (
        _parts(sides[axis], tf.shape(heat)[axis + 1], scale[:, 1 - axis], offset[:, 1 - axis]) for axis in (0, 1)
    )
    return tf.matmul(tf.matmul(rows, heat), columns, transpose_b=True)


def _parts(length, count, scale, offset):
    """How much of each of `count` positions is in each of `length` pixels along an axis, [B, length, count]."""
    last = tf.cast(count - 1, tf.float32)
    at = (tf.range(tf.cast(length, tf.float32)) + 0.5) * scale[:, None] + offset[:, None] - 0.5
    near = 1 - tf.abs(tf.clip_by_value(at, 0, last)[..., None] - tf.range(last + 1))
    inside = tf.cast((at >= -0.5) & (at <= last + 0.5), tf.float32)
    return tf.nn.relu(near) * inside[..., None]
