"""Quadrilaterals: float32 [..., 4, 2], x and y of the corners in order around them, in pixels as in `ops.resample`.

Distances are to the lines of the sides, which of convex quads are those to the sides, but for points beyond a corner.
So {distance >= D} is the quad whose sides have moved inwards by D, and {distance > -D} the one whose sides have moved
outwards, with mitered corners.
"""

import math

import tensorflow as tf


def sides_of(quads_xy):
    """[..., 4, 2]: from each corner to the next one."""
    return tf.roll(quads_xy, -1, -2) - quads_xy


def area(quads_xy):
    """[...]: signed, above 0 where the corners go clockwise as seen (y points down)."""
    first, after = quads_xy, tf.roll(quads_xy, -1, -2)
    return tf.reduce_sum(first[..., 0] * after[..., 1] - first[..., 1] * after[..., 0], -1) / 2.0


def perimeter(quads_xy):
    """Sum of the four sides' lengths in pixels: float32 [..., 4, 2] -> [...]."""
    return tf.reduce_sum(tf.norm(sides_of(quads_xy), axis=-1), -1)


def is_convex(quads_xy):
    """bool [...]: four proper corners that all turn the same way; false where sides cross, and without area."""
    sides = sides_of(quads_xy)
    after = tf.roll(sides, -1, -2)
    turns = sides[..., 0] * after[..., 1] - sides[..., 1] * after[..., 0]
    return tf.reduce_all(turns > 0.0, -1) | tf.reduce_all(turns < 0.0, -1)


def distances(quads_xy, points_xy):
    """[N, P]: of points [P, 2] from the nearest line of each quad's [N, 4, 2] sides, above 0 inside."""
    sides = sides_of(quads_xy)
    lengths = tf.maximum(tf.norm(sides, axis=-1), 1e-6)
    away = points_xy[None, None] - quads_xy[:, :, None]  # [N, 4, P, 2]
    turns = sides[:, :, None, 0] * away[..., 1] - sides[:, :, None, 1] * away[..., 0]
    return tf.reduce_min(tf.sign(area(quads_xy))[:, None, None] * turns / lengths[..., None], 1)


def shrinking(quads_xy, ratio):
    """[...]: the distance D = A (1 - r^2) / L by which DB moves sides inwards; A: area, L: perimeter (arXiv:1911.08947,
    equation 10).
    """
    return tf.abs(area(quads_xy)) * (1.0 - ratio**2) / tf.maximum(perimeter(quads_xy), 1e-6)


def enlarging(sides, ratio):
    """[...]: the D of `shrinking` that has left a rectangle with sides [..., 2].

    Of a rectangle L x W that has become a x b, L = a + 2 D, W = b + 2 D and D = k L W / (L + W), k = (1 - r^2) / 2:
    4 (1 - k) D^2 + r^2 (a + b) D - k a b = 0, whose root above 0 this is. With b also D becomes 0.
    """
    k, total = (1.0 - ratio**2) / 2.0, ratio**2 * tf.reduce_sum(sides, -1)
    product = k * tf.reduce_prod(sides, -1)
    # by the conjugate, which does not cancel where b is small
    root = total + tf.sqrt(total**2 + 16.0 * (1.0 - k) * product)
    return 2.0 * product / tf.maximum(root, 1e-12)


def from_rectangle(centers_xy, along_xy, sides):
    """[..., 4, 2]: the corners of rectangles, clockwise as seen.

    along_xy: [..., 2], the direction of the first side, of length 1; its x is not below 0. sides: [..., 2]. The first
    corner is at the upper left of what is turned by less than 90 degrees either way.
    """
    along = along_xy * sides[..., :1] / 2.0
    across = tf.stack([-along_xy[..., 1], along_xy[..., 0]], -1) * sides[..., 1:] / 2.0
    corners = [-along - across, along - across, along + across, across - along]
    return tf.stack([centers_xy + corner for corner in corners], -2)


def inside_share(quads_xy, size_xy, steps=8):
    """[N]: the part of each quad [N, 4, 2] that is inside [0, W] x [0, H], of steps x steps points of it."""
    part = (tf.range(steps, dtype=tf.float32) + 0.5) / steps
    u, v = part[None, :, None, None], part[None, None, :, None]
    a, b, c, d = (quads_xy[:, None, None, i] for i in range(4))
    points = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * d + u * c)
    inside = tf.reduce_all((points >= 0.0) & (points <= size_xy), -1)
    return tf.reduce_mean(tf.cast(inside, tf.float32), [1, 2])


def smallest_rectangles(quads_xy):
    """(centers [N, 2], angles [N] from -pi / 4 to pi / 4, sizes [N, 2] along them and across) of the rectangles of the
    smallest area around convex quads [N, 4, 2], of which a side lies along one of the quad's (H. Freeman, R. Shapira,
    CACM 18(7), 1975).
    """
    sides = sides_of(quads_xy)
    angles = tf.atan2(sides[..., 1], sides[..., 0])
    angles -= tf.round(angles / (math.pi / 2.0)) * (math.pi / 2.0)
    cos, sin = (f(angles)[..., None] for f in (tf.cos, tf.sin))  # [N, 4, 1], of each candidate
    x, y = (quads_xy[:, None, :, i] for i in (0, 1))
    turned = tf.stack([x * cos + y * sin, y * cos - x * sin], -1)  # [N, 4, 4, 2]
    low, high = tf.reduce_min(turned, 2), tf.reduce_max(turned, 2)
    best = tf.argmin(tf.reduce_prod(high - low, -1), 1)
    middle, angle, size = (tf.gather(v, best, batch_dims=1) for v in ((low + high) / 2.0, angles, high - low))
    cos, sin = tf.cos(angle), tf.sin(angle)
    center = [middle[:, 0] * cos - middle[:, 1] * sin, middle[:, 0] * sin + middle[:, 1] * cos]
    return tf.stack(center, -1), angle, size


def numbered_as(quads_xy, others_xy):
    """[..., 4, 2]: the corners from the one on with which they are nearest to those of the others in the mean."""
    best, least = quads_xy, None
    for first in range(4):
        held = _from(quads_xy, first)
        apart = tf.reduce_sum((held - others_xy) ** 2, [-2, -1], keepdims=True)
        best = held if least is None else tf.where(apart < least, held, best)
        least = apart if least is None else tf.minimum(apart, least)
    return best


def longer_first(quads_xy):
    """[..., 4, 2]: the corners from the one on from which the longer side goes to the right."""
    sides = tf.reduce_sum(sides_of(quads_xy) ** 2, -1)
    stands = (sides[..., 1] + sides[..., 3] > sides[..., 0] + sides[..., 2])[..., None, None]
    held = tf.where(stands, _from(quads_xy, 1), quads_xy)
    back = (held[..., 1, 0] - held[..., 0, 0] + held[..., 2, 0] - held[..., 3, 0] < 0.0)[..., None, None]
    return tf.where(back, _from(held, 2), held)


def _from(quads_xy, first):
    return tf.concat([quads_xy[..., first:, :], quads_xy[..., :first, :]], -2)
