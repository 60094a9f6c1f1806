"""Bands of text of any shape as shapely draws, shrinks and compares them; the cells of a map that are in them."""

import numpy as np
import shapely

from kerasvision.ops.outlines import growing

RATIO = 0.4  # of the shrinking


def arc(radius, sweep, height, center=(80.0, 90.0), turn=0.0):
    """A band along a part of a circle, whose middle is above its center. sweep, turn: radians."""
    angles = np.linspace(-sweep / 2, sweep / 2, 64) - np.pi / 2 + turn
    ray = np.stack([np.cos(angles), np.sin(angles)], -1)
    return shapely.Polygon(
        np.array(center) + np.concatenate([(radius + height / 2) * ray, (radius - height / 2) * ray[::-1]])
    )


def rectangle(long, short, turn, center=(80.0, 80.0)):
    """turn: radians to the right."""
    along, across = (np.array(v) for v in ((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))))
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return shapely.Polygon([np.array(center) + (a * long * along + b * short * across) / 2 for a, b in signs])


def wave(height):
    """A band that bends both ways."""
    x = np.linspace(20, 140, 400)
    return shapely.LineString(np.stack([x, 80 + 15 * np.sin(x / 16)], -1)).buffer(height / 2, cap_style="flat")


def shrunk(band):
    """Its sides moved inwards by D = A (1 - r^2) / L."""
    return band.buffer(-band.area * (1 - RATIO**2) / band.length, join_style="mitre")


def cells_of(band, height, width=None, stride=1.0):
    """bool [h, w]: cells whose middle is in it."""
    ys, xs = (np.mgrid[:height, : width or height] + 0.5) * stride
    return shapely.contains_xy(band, xs, ys)


def iou(polygon, band):
    found = shapely.Polygon(polygon)
    return found.intersection(band).area / found.union(band).area


def least_iou(band, cell=1.0):
    """Of the outline of its shrunk part on a grid: each side is off by half a cell, and by as much as D changes where
    those of the shrunk part were half a cell nearer; four corners are rounded with the radius D, and lose (1 - pi / 4)
    D^2 each.
    """
    moved, small = band.area * (1 - RATIO**2) / band.length, shrunk(band)
    less = growing(small.area - cell / 2 * small.length, small.length - 4 * cell, RATIO)
    off = cell / 2 + moved - less
    return 1 - (off * band.length + (4 - np.pi) * moved**2) / band.area
