"""How much boxes overlap, each with each, in numpy and float64: on the host, for what a graph does not see."""

import numpy as np

_LEAST = 1e-9


def overlaps(a, b, kind="iou"):
    """[N, 4] and [M, 4], x1, y1, x2, y2 -> float64 [N, M], 1 for equal boxes.

    kind: "iou", 0 where they do not meet; "giou" (arXiv:1902.09630) and "diou" (arXiv:1911.08287), which then fall to
    -1 with the distance; "ciou" (the same paper), which minds the proportions of the sides too.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.maximum(high - low, 0.0).prod(-1)
    sides_a, sides_b = np.maximum(a[:, 2:] - a[:, :2], 0.0), np.maximum(b[:, 2:] - b[:, :2], 0.0)
    union = np.maximum(sides_a.prod(1)[:, None] + sides_b.prod(1)[None] - shared, _LEAST)
    iou = shared / union
    if kind == "iou":
        return iou
    around = np.maximum(a[:, None, 2:], b[None, :, 2:]) - np.minimum(a[:, None, :2], b[None, :, :2])
    if kind == "giou":
        hull = np.maximum(around.prod(-1), _LEAST)
        return iou - (hull - union) / hull
    apart = ((a[:, None, :2] + a[:, None, 2:] - b[None, :, :2] - b[None, :, 2:]) ** 2).sum(-1) / 4
    diou = iou - apart / np.maximum((around**2).sum(-1), _LEAST)
    if kind == "diou":
        return diou
    angle_a, angle_b = (np.arctan2(s[:, 0], np.maximum(s[:, 1], _LEAST)) for s in (sides_a, sides_b))
    shape = 4 / np.pi**2 * (angle_a[:, None] - angle_b[None]) ** 2
    return diou - shape**2 / np.maximum(1 - iou + shape, _LEAST)
