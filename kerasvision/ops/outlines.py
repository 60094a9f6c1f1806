"""Outlines of components of shrunk text, on the host: contours moved outwards. numpy, SciPy and contourpy.

DB (arXiv:1911.08947, section 3.5) finds curved text by the contours of its map, moved outwards by A' r' / L' of the
shrunk polygon, r' 1.5 for all. Here it is the exact reverse of the shrinking by D = A (1 - r^2) / L (equation 10): a
band of text with four right corners, of which the area a and the perimeter l are left, had A = a + l D + 4 D^2 and
L = l + 8 D, however it bends (J. Steiner 1840: what the outer side of a bend gains, its inner one loses).
"""

import math

import numpy as np
from contourpy import contour_generator
from scipy import ndimage

from kerasvision.ops import polygons

_WITHIN = 0.5  # cells, by which an outline may be simplified


def growing(area, perimeter, ratio):
    """The D by which a shrunk band is moved outwards; of a rectangle `ops.quads.enlarging`. area, perimeter: of the
    shrunk band. ratio: r, 0 to 1.
    """
    lost = 1.0 - ratio**2
    total, product = ratio**2 * perimeter, lost * area
    # (8 - 4 lost) D^2 + r^2 l D - lost a = 0; by the conjugate, as there
    return 2.0 * product / (total + math.sqrt(total**2 + 4.0 * (8.0 - 4.0 * lost) * product))


def outline(cells, ratio):
    """float64 [P, 2]: the outline of the band of text whose shrunk part is a component, clockwise as seen, in cells
    measured as pixels, so that the middle of the first one is at (0.5, 0.5).

    cells: bool [h, w], one component. Its contour is moved outwards by `growing`, corners rounded; holes are filled. A
    side that is inclined comes out farther by half a cell at most, since whole cells are in or out.
    """
    # below a half, so that cells that meet at a corner alone have one contour
    moved = growing(float(cells.sum()), _length(_simple(_ring(np.pad(cells, 1).astype(float), 0.49))), ratio)
    room = math.ceil(moved) + 2
    # from centers of cells outside to those inside, whose sides are half a cell nearer
    away = ndimage.distance_transform_edt(~np.pad(cells, room))
    return _simple(_ring(away, moved + 0.5)) + (0.5 - room)


def beginning_at(polygon, point):
    """The corners [P, 2] in the same order, the one next to a point [2] first."""
    return np.roll(polygon, -int(((polygon - point) ** 2).sum(1).argmin()), 0)


def _ring(values, level):
    """[P, 2], x and y, of the contour of [h, w] that has the largest area; clockwise."""
    rings = contour_generator(z=values).lines(level)
    ring = max(rings, key=lambda held: abs(polygons.area(held)))[:-1]
    return ring if polygons.area(ring) >= 0 else ring[::-1]


def _length(ring):
    return float(np.linalg.norm(np.roll(ring, -1, 0) - ring, axis=1).sum())


def _simple(ring):
    """Those corners of a closed line from which none that is left out is farther than `_WITHIN` (D. Douglas, T.
    Peucker, Cartographica 10(2), 1973, doi:10.3138/FM57-6770-U75U-7727).
    """
    far = int(((ring - ring[0]) ** 2).sum(1).argmax())
    closed = np.concatenate([ring, ring[:1]])
    kept, spans = {0, far}, [(0, far), (far, len(ring))]
    while spans:
        first, last = spans.pop()
        side, between = closed[last] - closed[first], closed[first + 1 : last] - closed[first]
        if not len(between):
            continue
        along = np.clip(between @ side / max(float(side @ side), 1e-12), 0.0, 1.0)
        away = np.linalg.norm(between - along[:, None] * side, axis=1)
        if away.max() > _WITHIN:
            middle = first + 1 + int(away.argmax())
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return ring[sorted(kept)]
