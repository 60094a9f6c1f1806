"""Class maps and instance masks in the pixels of the original. numpy."""

import numpy as np


def enlarged(probabilities, geometry):
    """[h, w, K] of a prepared picture -> float32 [H, W, K] of the original: bilinear, the border repeats."""
    scale, offset = geometry["scale_xy"].astype(np.float32), geometry["offset_xy"].astype(np.float32)
    places = []
    for axis, length in ((1, 0), (0, 1)):  # rows are y
        count, side = int(geometry["image_hw"][length]), probabilities.shape[length]
        at = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * scale[axis] + offset[axis] - np.float32(0.5)
        places.append(np.clip(at, 0, side - 1))
    return _bilinear(probabilities, *places)


def _bilinear(values, down, across):
    """values [h, w, ...] at rows `down` and columns `across`, both inside -> [len(down), len(across), ...]."""
    (top, bottom, low), (left, right, near) = (
        (np.floor(at).astype(int), np.minimum(np.floor(at).astype(int) + 1, side - 1), at - np.floor(at))
        for at, side in ((down, values.shape[0]), (across, values.shape[1]))
    )
    more = (1,) * (values.ndim - 2)
    near, low = near.reshape(1, -1, *more), low.reshape(-1, 1, *more)
    upper = (1 - near) * values[top][:, left] + near * values[top][:, right]
    lower = (1 - near) * values[bottom][:, left] + near * values[bottom][:, right]
    return (1 - low) * upper + low * lower


def recut(masks, whole_xyxy, cut_xyxy, least_side_px):
    """Masks [N, m, m] in the frame of boxes -> the same in the frame of the part of each that lies in the picture.

    Bilinear, 0 beyond the mask. A box thinner than least_side_px counts as that wide.
    """
    side = masks.shape[-1]
    steps = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    moved = np.zeros_like(masks)
    for mask, whole, cut, out in zip(masks, whole_xyxy, cut_xyxy, moved, strict=True):
        at = []
        for axis in (1, 0):
            length = max(whole[axis + 2] - whole[axis], np.float32(least_side_px))
            place = (cut[axis] + (cut[axis + 2] - cut[axis]) * steps - whole[axis]) / length
            at.append(np.clip(place * side - 0.5, -1, side) + 1)
        out[:] = _bilinear(np.pad(mask, 1), *at)
    return moved


def paste(masks, boxes_xyxy, image_hw, threshold=0.5):
    """Masks [N, m, m], probabilities in the frame of boxes -> bool [N, H, W].

    A pixel belongs to an object where its center lies in the box and the bilinear probability there, the border
    repeated, is the threshold or more.
    """
    h, w = (int(v) for v in image_hw)
    pasted = np.zeros((len(masks), h, w), bool)
    for mask, (x1, y1, x2, y2), out in zip(masks, np.asarray(boxes_xyxy, np.float64), pasted, strict=True):
        columns, rows = _inside(x1, x2, w), _inside(y1, y2, h)
        if len(columns) and len(rows):
            across = np.clip((columns + 0.5 - x1) / (x2 - x1) * mask.shape[1] - 0.5, 0, mask.shape[1] - 1)
            down = np.clip((rows + 0.5 - y1) / (y2 - y1) * mask.shape[0] - 0.5, 0, mask.shape[0] - 1)
            seen = _bilinear(np.asarray(mask, np.float64), down, across)
            out[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = seen >= threshold
    return pasted


def _inside(low, high, side):
    centers = np.arange(side) + 0.5
    return np.flatnonzero((centers >= low) & (centers <= high))
