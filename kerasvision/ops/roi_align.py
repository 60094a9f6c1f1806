"""RoIAlign: He et al. 2017, arXiv:1703.06870, section 3, over one feature map or the levels of a pyramid.

Built of gathers, so that it converts to TFLite and ONNX (`tf.image.crop_and_resize` does not), is batched, and reads
only the level that each box belongs to. Features are sampled between the centers of their cells: feature (i, j) of
stride s stands at ((j + 0.5) s, (i + 0.5) s) pixels (`aligned=True` in torchvision and Detectron2).
"""

import math

import numpy as np
import tensorflow as tf

from kerasvision.ops import boxes as box_ops


def pyramid_roi_align(levels, boxes_xyxy, size=(7, 7), samples=2, canonical_px=224.0, canonical_level=4):
    """Features of boxes, each from the level of a feature pyramid that fits its size.

    levels: {"p2": [B, H, W, C], "p3": ...}, consecutive, stride 2**k, H and W known; boxes_xyxy: [B, R, 4] pixels.
    Each box is cut into size = (rows, columns) bins, and a bin is the mean of samples x samples bilinear samples; those
    more than one feature outside of the map are 0. Other arguments as `level_of`. Returns [B, R, rows, columns, C]. No
    gradient reaches the boxes.
    """
    numbers = sorted(int(name[1:]) for name in levels)
    level = level_of(boxes_xyxy, numbers[0], numbers[-1], canonical_px, canonical_level)
    features = [levels[f"p{k}"] for k in numbers]
    return _align(features, [2.0**k for k in numbers], boxes_xyxy, level - numbers[0], size, samples)


def level_of(boxes_xyxy, first, last, canonical_px=224.0, canonical_level=4):
    """Pyramid level of each box, int32: Lin et al. 2016, arXiv:1612.03144, equation 1, kept in first..last.

    k = floor(k0 + log2(sqrt(w h) / 224)); canonical_px and canonical_level stand for 224 and k0.
    """
    side = tf.sqrt(tf.maximum(box_ops.area(boxes_xyxy), box_ops.MIN_SIDE_PX**2))
    level = canonical_level + tf.math.log(side / canonical_px) / math.log(2.0)
    level = tf.floor(level + 1e-6)  # a side of exactly 112 px is of level 3, whatever the logarithm's rounding
    return tf.cast(tf.clip_by_value(level, float(first), float(last)), tf.int32)


def _align(features, strides, boxes_xyxy, level, size, samples):
    """level: int32 [B, R], which of the features each box reads."""
    boxes_xyxy = tf.stop_gradient(boxes_xyxy)
    channels, sides = features[0].shape[-1], [f.shape[1:3] for f in features]
    counts = [h * w for h, w in sides]
    rows = tf.concat([tf.reshape(f, [-1, n, channels]) for f, n in zip(features, counts, strict=True)], 1)
    start = tf.gather(tf.constant(np.cumsum([0, *counts[:-1]]), tf.int32), level)
    x1, y1, x2, y2 = tf.unstack(boxes_xyxy / _per_box(strides, level)[..., None] - 0.5, axis=-1)
    height, width = (_per_box([side[i] for side in sides], level)[..., None] for i in (0, 1))
    vertical = _neighbors(y1, y2, size[0] * samples, height)
    horizontal = _neighbors(x1, x2, size[1] * samples, width)
    origin = start[..., None, None]
    pitch = tf.cast(width, tf.int32)[..., None]
    total = 0.0
    for y, along_y in vertical:
        for x, along_x in horizontal:
            at = origin + y[..., :, None] * pitch + x[..., None, :]  # [B, R, rows * samples, columns * samples]
            weight = along_y[..., :, None] * along_x[..., None, :]
            total += tf.gather(rows, at, batch_dims=1) * weight[..., None]
    total = tf.reshape(total, [-1, size[0] * samples, size[1] * samples, channels])
    bins = tf.nn.avg_pool2d(total, samples, samples, "VALID")
    return tf.reshape(bins, [-1, boxes_xyxy.shape[1] or tf.shape(boxes_xyxy)[1], *size, channels])


def _per_box(values, level):
    return tf.gather(tf.constant(values, tf.float32), level)


def _neighbors(low, high, count, side):
    """The two features beside each of `count` samples between low and high, and their weights.

    low, high: [B, R], in features; side: [B, R, 1], features of the level -> two pairs of int32 and float32
    [B, R, count].
    """
    step = (high - low)[..., None] / count
    at = low[..., None] + (tf.range(count, dtype=tf.float32) + 0.5) * step
    near = tf.cast((at >= -1.0) & (at <= side), tf.float32)
    at = tf.clip_by_value(at, 0.0, side - 1.0)
    before = tf.floor(at)
    after = tf.minimum(before + 1.0, side - 1.0)
    part = at - before
    return (tf.cast(before, tf.int32), (1.0 - part) * near), (tf.cast(after, tf.int32), part * near)
