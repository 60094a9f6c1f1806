"""Which box is which: directions of boxes, and the best way to pair them. numpy and scipy."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def to_center(boxes_xyxy):
    """[N, 4] x1, y1, x2, y2 -> x and y of the center, width, height."""
    low, high = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], 1)


def to_corners(boxes):
    """[N, 4] x and y of the center, width, height -> x1, y1, x2, y2. A side below 0 counts as 0."""
    half = np.maximum(boxes[:, 2:], 0.0) / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], 1)


def turns(origins, headings, centers):
    """[N, M] of -1/2 (opposite) to 1/2 (straight on): how well the way from each of N origins to each of M centers goes
    on in the N headings; 0 where a heading or a way has no length (OC-SORT, arXiv:2203.14360, section 4.2).
    """
    ways = centers[None] - origins[:, None]
    lengths = np.linalg.norm(ways, axis=-1) * np.linalg.norm(headings, axis=-1)[:, None]
    cosines = (ways * headings[:, None]).sum(-1) / np.where(lengths > 0, lengths, 1.0)
    return np.where(lengths > 0, 0.5 - np.arccos(np.clip(cosines, -1.0, 1.0)) / np.pi, 0.0)


def paired(gain, allowed, greedy=False):
    """(rows, columns) of the allowed pairs of largest total gain, where each pair counts 1 more than the worst allowed
    one gains. gain: [N, M]; allowed: bool [N, M]. greedy: the best pair first, then the best of what is left.
    """
    if not allowed.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if greedy:
        return _greedily(gain, allowed)
    offset = 1.0 - np.min(gain, where=allowed, initial=np.inf)  # so that an allowed pair is better than none
    rows, columns = linear_sum_assignment(np.where(allowed, gain + offset, 0.0), maximize=True)
    kept = allowed[rows, columns]
    return rows[kept], columns[kept]


def _greedily(gain, allowed):
    rows, columns = np.nonzero(allowed)
    free_rows, free_columns, pairs = set(rows), set(columns), []
    for n in np.argsort(-gain[rows, columns], kind="stable"):
        if rows[n] in free_rows and columns[n] in free_columns:
            pairs.append((rows[n], columns[n]))
            free_rows.discard(rows[n])
            free_columns.discard(columns[n])
    found = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
