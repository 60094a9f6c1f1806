"""Which side of a line and how deep in a zone points of a picture are: closed forms, numpy."""

import numpy as np


def beside(points, start, end):
    """float64 [N]: how far points lie from the endless line through two, pixels; above 0 to the right of somebody who
    goes from start to end (y goes down). points: [N, 2]; start, end: [2], not equal.
    """
    way, apart = end - start, points - start
    return (way[0] * apart[:, 1] - way[1] * apart[:, 0]) / np.hypot(*way)


def passes_between(before, after, start, end):
    """bool [N]: whether the straight way from one point to another meets a line between its ends, which count.

    before, after: [N, 2], on different sides of it; start, end: [2].
    """
    first, last = beside(before, start, end), beside(after, start, end)
    share = first / (first - last)
    met, way = before + share[:, None] * (after - before), end - start
    along = (met - start) @ way / (way @ way)
    return (along >= 0) & (along <= 1)


def depth(points, corners):
    """float64 [N]: how far points lie from the border of a polygon, pixels; above 0 inside of it, by the even-odd rule
    where it crosses itself. points: [N, 2]; corners: [C, 2], three or more.
    """
    starts, ways = corners, np.roll(corners, -1, axis=0) - corners
    apart = points[:, None] - starts  # [N, C, 2]
    share = (apart * ways).sum(-1) / np.maximum((ways**2).sum(-1), np.finfo(np.float64).tiny)
    nearest = apart - np.clip(share, 0.0, 1.0)[..., None] * ways
    far = np.sqrt((nearest**2).sum(-1)).min(1)
    above, next_above = apart[..., 1] < 0, apart[..., 1] - ways[:, 1] < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        right_of = apart[..., 0] < apart[..., 1] / ways[:, 1] * ways[:, 0]
    inside = ((above != next_above) & right_of).sum(1) % 2 == 1
    return np.where(inside, far, -far)


def area(corners):
    """Pixels within a polygon that does not cross itself (the shoelace formula). corners: [C, 2]."""
    x, y = corners.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
