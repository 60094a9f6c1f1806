"""Whether numbers that should be a center or corner with a size look like two corners; what polygons say of boxes.

Both take the labels of a whole set: of a single box nobody can tell.
"""

LEAST = 5  # boxes; fewer say nothing
_INSIDE = 0.01  # of a side: so far beyond 0 and 1 rounding may lead
_BEYOND, _SHARE = 0.02, 0.1  # as read, so many boxes reach so far beyond their image
_ODD = 0.05  # part of the boxes that may be unlike the others
_MIDDLE = (0.35, 0.65)  # large objects in the middle of their picture are explained by themselves
AGREE_IOU = 0.5  # of a box and the hull of its object's polygons


def doubt(pairs):
    """ "wrong" where nearly all would be boxes as x1 y1 x2 y2 and many are none as read, "unsure" where both would do.

    pairs: for each box, the four numbers as written and the box (x1, y1, x2, y2) that they are taken for, both in parts
    of the image's sides. A few that cannot be two corners do not decide for the others.
    """
    count, none, over, middle = 0, 0, 0, True
    for (a, b, c, d), (x1, y1, x2, y2) in pairs:
        count += 1
        if not (a < c and b < d and min(a, b) >= -_INSIDE and max(c, d) <= 1 + _INSIDE):
            none += 1
            if none > LEAST and none > 2 * _ODD * count:
                return None  # most sets end here soon
            continue
        over += min(x1, y1) < -_BEYOND or max(x2, y2) > 1 + _BEYOND
        middle &= all(_MIDDLE[0] <= v <= _MIDDLE[1] for v in ((x1 + x2) / 2, (y1 + y2) / 2))
    if count < LEAST or none > _ODD * count:
        return None
    if over >= _SHARE * count:
        return "wrong"
    return None if middle else "unsure"


def hull(polygons):
    """(x1, y1, x2, y2) around polygons [x, y, x, y, ...]; None where they are none."""
    try:
        points = polygons[0] if len(polygons) == 1 else [v for p in polygons for v in p]
        xs, ys = points[::2], points[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    except (TypeError, ValueError, IndexError, KeyError):
        return None


def apart(thing):
    """Whether the polygons of a `Thing` lie elsewhere than its box."""
    if thing.is_crowd or not isinstance(thing.segmentation, list):
        return False
    around = hull(thing.segmentation)
    try:
        return around is not None and _iou(around, thing.box_xyxy) < AGREE_IOU
    except TypeError:  # texts in place of numbers: an error where masks are read
        return False


def _iou(a, b):
    low, high = (max(a[0], b[0]), max(a[1], b[1])), (min(a[2], b[2]), min(a[3], b[3]))
    shared = max(high[0] - low[0], 0) * max(high[1] - low[1], 0)
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / total if total > 0 else 1.0
