"""Heat of a graph's input, brought to the pixels of the photograph that it was made of."""

import numpy as np


def in_original(values, geometry, is_part=False):
    """[h, w] of a graph's positions -> float32 [H, W] of the original's pixels, linear in between; 0 where the graph
    did not look, as beside a center crop.

    geometry: as `Explainable.prepared` gives it, with scale and offset. is_part: as it says, of the center of an image.
    """
    height, width = (int(v) for v in np.asarray(geometry["image_hw"])[0])
    size = np.array(values.shape)
    begin = (np.maximum((height, width), size) - size) // 2 if is_part else (0, 0)
    scale, offset = (np.asarray(geometry[key], np.float64)[0][::-1] for key in ("scale_xy", "offset_xy"))
    placed = np.asarray(values, np.float32)
    for axis, length in enumerate((height, width)):
        at = (np.arange(length) + 0.5) * scale[axis] + offset[axis] - begin[axis] - 0.5
        placed = _along(placed, at, axis)
    return placed


def _along(values, at, axis):
    """Values at places along an axis, 0 beyond half a step behind both ends."""
    last = values.shape[axis] - 1
    inner = np.clip(at, 0, last)
    low = np.minimum(inner.astype(int), max(last - 1, 0))
    part = (inner - low).astype(np.float32)
    part[(at < -0.5) | (at > last + 0.5)] = np.nan
    shape = [1, 1]
    shape[axis] = len(at)
    part = part.reshape(shape)
    first, second = (np.take(values, np.minimum(low + more, last), axis) for more in (0, 1))
    return np.nan_to_num(first * (1 - part) + second * part)
