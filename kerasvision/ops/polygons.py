"""Overlap of convex polygons, exactly, on the host: numpy, float64."""

import numpy as np


def area(polygon):
    """Of [P, 2] corners in order; signed, above 0 where they go clockwise as seen (y points down)."""
    x, y = np.asarray(polygon, np.float64).reshape(-1, 2).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def clipped(subject, convex):
    """[Q, 2]: the part of a convex polygon that is inside of another, [0, 2] where there is none.

    I. E. Sutherland, G. W. Hodgman, Reentrant polygon clipping, CACM 17(1), 1974, doi:10.1145/360767.360802.
    """
    found, convex = _clockwise(subject), _clockwise(convex)
    for start, end in zip(convex, np.roll(convex, -1, 0), strict=True):
        if not len(found):
            break
        side = end - start
        depth = side[0] * (found[:, 1] - start[1]) - side[1] * (found[:, 0] - start[0])
        rows = []
        for i, (here, deep) in enumerate(zip(found, depth, strict=True)):
            there, deeper = found[(i + 1) % len(found)], depth[(i + 1) % len(found)]
            rows += [here] if deep >= 0 else []
            if deep * deeper < 0:
                rows.append(here + deep / (deep - deeper) * (there - here))
        found = np.array(rows).reshape(-1, 2)
    return found


def iou(a, b):
    """Of two convex polygons [P, 2]; 0 where neither has an area."""
    (low_a, high_a), (low_b, high_b) = ((np.min(p, 0), np.max(p, 0)) for p in (a, b))
    if (np.minimum(high_a, high_b) <= np.maximum(low_a, low_b)).any():
        return 0.0
    shared = abs(area(clipped(a, b)))
    whole = abs(area(a)) + abs(area(b)) - shared
    return shared / whole if whole > 0 else 0.0


def pairwise_iou(some, others):
    """[N, M], of convex polygons [N, P, 2] and [M, P, 2]."""
    return np.array([[iou(a, b) for b in others] for a in some], np.float64).reshape(len(some), len(others))


def _clockwise(polygon):
    polygon = np.asarray(polygon, np.float64).reshape(-1, 2)
    return polygon if area(polygon) >= 0 else polygon[::-1]
