"""Lines that stand upright on a page whose others lie: which belong together, and from which end each is read.

Text that is turned to the right runs down, and its lines follow one another from right to left, as those of vertical
writing in East Asia do; text that is turned to the left runs up, and its lines go from left to right.
"""

import numpy as np

from kerasvision.edge.pages.line_order import connected

NEAR = 3.0  # of its thickness, by which a line is away from the next one of its group, as in a column that goes on


def standing(quads_xy, angle):
    """bool [N]: quads of `reading_order.upright` whose first side stands upright. angle: radians, of `angle_of`."""
    quads = np.asarray(quads_xy, np.float64).reshape(-1, 4, 2)
    along = quads[:, 1] - quads[:, 0]
    turn = np.arctan2(along[:, 1], along[:, 0]) - angle
    return np.abs(np.cos(turn)) < np.sqrt(0.5)


def ends(quads_xy, angle):
    """float64 [N, 2, 4, 2]: standing quads, each so that it is read down, and so that it is read up."""
    quads = np.asarray(quads_xy, np.float64).reshape(-1, 4, 2)
    along = quads[:, 1] - quads[:, 0]
    is_down = np.sin(np.arctan2(along[:, 1], along[:, 0]) - angle) > 0
    down = np.where(is_down[:, None, None], quads, np.roll(quads, 2, 1))
    return np.stack([down, np.roll(down, 2, 1)], 1)


def beside(boxes, thickness, directions):
    """Lists of indices: standing quads that are read as one, those of one direction that are near one another.

    boxes: float64 [N, 4]; thickness: [N]; directions: int [N], 1 down, -1 up, 0 of what lies, which is in no list.
    """
    there = np.flatnonzero(directions != 0)
    if not len(there):
        return []
    box, near = boxes[there], NEAR * np.minimum(thickness[there][:, None], thickness[there])
    gaps = [
        np.maximum(box[:, None, low], box[:, low]) - np.minimum(box[:, None, low + 2], box[:, low + 2])
        for low in (0, 1)
    ]
    alike = directions[there][:, None] == directions[there]
    number = connected((gaps[0] <= near) & (gaps[1] <= near) & alike)
    return [there[number == n].tolist() for n in range(number.max() + 1)]
