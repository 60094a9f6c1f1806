"""Masks of objects in the frame of their box: cut out of a picture, resampled between boxes, pasted into a picture.

A mask in its box's frame is [m, m]: entry (i, j) is what is seen at the center of cell (i, j) when the box is cut into
m x m equal cells. "Mask R-CNN" (He et al. 2017, arXiv:1703.06870, section 3, "Mask Representation").
"""

import numpy as np
import tensorflow as tf
from scipy.ndimage import map_coordinates

from kerasvision.ops import boxes as box_ops

INSIDE = 0.5  # from this probability on, a pixel belongs to the object


def cut_masks(masks, boxes_xyxy, side):
    """Masks [N, H, W] of any dtype, in the frame of boxes [N, 4] (pixels of the masks) -> float32 [N, side, side]."""
    # the outer half of a border pixel has no pixel center beyond it: the border is repeated, as everywhere else
    pixels = tf.pad(tf.cast(masks, tf.float32), [[0, 0], [1, 1], [1, 1]], "SYMMETRIC")[..., None]
    hw = tf.cast(tf.shape(pixels)[1:3], tf.float32)
    x1, y1, x2, y2 = tf.unstack(boxes_xyxy, axis=-1)
    cell = [(y2 - y1) / side, (x2 - x1) / side]
    low = [y1 + cell[0] / 2 + 0.5, x1 + cell[1] / 2 + 0.5]  # indices of the first cell's center, and of the last one's
    high = [y2 - cell[0] / 2 + 0.5, x2 - cell[1] / 2 + 0.5]
    corners = tf.stack([*low, *high], -1) / (tf.tile(hw, [2]) - 1.0)
    return tf.image.crop_and_resize(pixels, corners, tf.range(tf.shape(masks)[0]), [side, side])[..., 0]


def reframe_masks(masks, boxes_xyxy, index, regions_xyxy, side):
    """Truths' masks, in the frame of their boxes, as seen in the frame of regions; 0 outside of the box.

    masks: [B, G, m, m]; boxes_xyxy: [B, G, 4]; index: int32 [B, R], the truth of each region; regions_xyxy: [B, R, 4].
    Bilinear. Returns float32 [B, R, side, side].
    """
    frames, size = tf.gather(boxes_xyxy, index, batch_dims=1), masks.shape[-1]
    sides = tf.maximum(frames[..., 2:] - frames[..., :2], box_ops.MIN_SIDE_PX)
    steps = (tf.range(side, dtype=tf.float32) + 0.5) / side
    at = []
    for axis in (1, 0):  # rows, columns
        low, high = regions_xyxy[..., axis, None], regions_xyxy[..., axis + 2, None]
        place = (low + (high - low) * steps - frames[..., axis, None]) / sides[..., axis, None]
        at.append(place * size - 0.5)  # [B, R, side], in cells of the truth's frame
    batch, count = tf.unstack(tf.shape(masks)[:2])
    rows = tf.reshape(tf.pad(masks, [[0, 0], [0, 0], [1, 1], [1, 1]]), [batch, count * (size + 2) ** 2])
    start = index * (size + 2) ** 2
    total = 0.0
    for y, along_y in _neighbors(at[0], size):
        for x, along_x in _neighbors(at[1], size):
            place = start[..., None, None] + (y + 1)[..., :, None] * (size + 2) + (x + 1)[..., None, :]
            total += tf.gather(rows, place, batch_dims=1) * along_y[..., :, None] * along_x[..., None, :]
    return total


def _neighbors(at, size):
    """Two pairs of the cells beside a place, -1..size (the border of zeros), and their weights."""
    at = tf.clip_by_value(at, -1.0, float(size))
    before = tf.minimum(tf.floor(at), size - 1.0)
    part = at - before
    first = tf.cast(before, tf.int32)
    return (first, 1.0 - part), (first + 1, part)


def paste_masks(masks, boxes_xyxy, image_hw):
    """Probabilities in the frame of boxes -> bool [N, H, W] on an image. numpy.

    masks: [N, m, m], 0..1; boxes_xyxy: [N, 4] pixels of the image. A pixel belongs to an object when its center is
    inside of the box and the bilinear probability there is at least 0.5.
    """
    h, w = (int(v) for v in image_hw)
    pasted = np.zeros((len(masks), h, w), bool)
    for mask, box, out in zip(masks, np.asarray(boxes_xyxy, np.float64), pasted, strict=True):
        (x1, y1), (x2, y2) = box[:2], box[2:]
        columns, rows = _pixels(x1, x2, w), _pixels(y1, y2, h)
        if len(columns) and len(rows):
            across = (columns + 0.5 - x1) / (x2 - x1) * mask.shape[1] - 0.5
            down = (rows + 0.5 - y1) / (y2 - y1) * mask.shape[0] - 0.5
            seen = map_coordinates(
                np.asarray(mask, np.float64), np.meshgrid(down, across, indexing="ij"), order=1, mode="nearest"
            )
            out[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = seen >= INSIDE
    return pasted


def _pixels(low, high, side):
    """Indices of the pixels whose centers lie between low and high."""
    return np.arange(max(0, int(np.ceil(low - 0.5))), min(side, int(np.floor(high - 0.5)) + 1))
