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


def common_shift(expected, found):
    """float64 [2]: how far the camera has moved the picture, pixels; 0 where too few boxes say so. expected, found:
    [N, 4] and [M, 4], center, width and height, of where boxes should be and are.

    The way from a box to one of like size that most others go too (a consensus, as of Fischler and Bolles 1981), which
    must bring half of them and four or more within a quarter of their side, and more than staying does.
    """
    stay, least = np.zeros(2), max(4, min(len(expected), len(found)) / 2)
    if min(len(expected), len(found)) < least:
        return stay
    side_a, side_b = (np.sqrt(np.maximum(b[:, 2], 1.0) * np.maximum(b[:, 3], 1.0)) for b in (expected, found))
    ways = found[None, :, :2] - expected[:, None, :2]
    is_like = np.abs(np.log(side_b[None] / side_a[:, None])) < np.log(1.25)
    far = np.where(is_like, np.linalg.norm(ways, axis=-1), np.inf)
    near = np.argsort(far, axis=1, kind="stable")[:, :4]
    tried = np.take_along_axis(ways, near[..., None], 1)[np.isfinite(np.take_along_axis(far, near, 1))]
    tried = np.concatenate([stay[None], tried])
    apart = np.linalg.norm(ways[None] - tried[:, None, None], axis=-1) + np.where(is_like, 0.0, np.inf)
    closest = apart.min(2)
    agree = closest <= side_a / 4
    best = np.lexsort((np.linalg.norm(tried, axis=1), -agree.sum(1)))[0]
    if agree[best].sum() < least:
        return stay
    return np.median(ways[np.arange(len(expected)), apart[best].argmin(1)][agree[best]], axis=0) if best else stay


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
