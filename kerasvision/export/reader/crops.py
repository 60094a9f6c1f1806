"""Lines of text cut out of a picture within a graph: what `edge.pages.rectify` and `edge.pages.reading_order` do on
the host.

Coordinates are pixels measured from the outer corner of the first one, as in `ops.resample`; sums are of float64, so
that a crop differs from the host's by a gray level at most, where a mean lies half way between two.
"""

import math

import tensorflow as tf

from kerasvision.edge.pages.reading_order import LETTER, TALL
from kerasvision.edge.pages.rectify import MOST_PIXELS


def upright(quads_xy):
    """(quads, float64 [N, 4, 2], with the first side along the lines; the angle by which these go down in radians), as
    `reading_order.upright` and `angle_of`.
    """
    along, lengths, heights = sides(quads_xy)
    usual = median(tf.minimum(lengths, heights))
    angles = tf.atan2(along[:, 1], along[:, 0])
    angle = angle_of(quads_xy)
    turns = tf.cast(tf.round((angles - angle) / (math.pi / 2)), tf.int32)
    turns = tf.where(lengths <= TALL * usual, turns, 0)
    return tf.gather(quads_xy, (tf.range(4)[None] - turns[:, None]) % 4, batch_dims=1), angle


def running_down(quads_xy, angle):
    """(bool [N]: quads that stand upright; the quads, those so that they are read down), as `edge.pages.standing`."""
    along = quads_xy[:, 1] - quads_xy[:, 0]
    turn = tf.atan2(along[:, 1], along[:, 0]) - angle
    stands = tf.abs(tf.cos(turn)) < math.sqrt(0.5)
    is_up = stands & (tf.sin(turn) <= 0)
    return stands, tf.where(is_up[:, None, None], tf.roll(quads_xy, 2, 1), quads_xy)


def angle_of(quads_xy):
    """Radians by which lines go down: the median of flat quads by their lengths, of longer ones if there are any."""
    along, lengths, heights = sides(quads_xy)
    angles = tf.atan2(along[:, 1], along[:, 0])
    long = lengths >= LETTER * heights
    counts = (long | ~tf.reduce_any(long)) & (tf.abs(angles) <= math.pi / 4)
    angles, lengths = tf.boolean_mask(angles, counts), tf.boolean_mask(lengths, counts)
    order = tf.argsort(angles)
    weight = tf.cumsum(tf.gather(lengths, order))
    found = tf.gather(angles, order)[: tf.reduce_sum(tf.cast(weight < tf.reduce_sum(lengths) / 2, tf.int32)) + 1][-1:]
    return tf.reduce_sum(found)  # of no quads 0


def wider(quads_xy, margin):
    """Quads, float64 [N, 4, 2], larger by `margin` heights on all sides, at most a quarter of a side smaller."""
    a, b, c, d = (quads_xy[:, i] for i in range(4))
    along, down = b - a, d - a
    shorter = [tf.minimum(tf.norm(v, axis=-1), tf.norm(w, axis=-1)) for v, w in ((along, c - d), (down, c - b))]
    edge = margin * tf.norm(down, axis=-1)
    x, y = (
        (tf.maximum(edge, -side / 4) / tf.norm(v, axis=-1))[:, None] * v
        for v, side in zip((along, down), shorter, strict=True)
    )
    return quads_xy + tf.stack([-x - y, x - y, x + y, y - x], 1)


def sides(quads_xy):
    """(the first side [N, 2], its length [N], the height [N])."""
    along, down = quads_xy[:, 1] - quads_xy[:, 0], quads_xy[:, 3] - quads_xy[:, 0]
    return along, tf.norm(along, axis=-1), tf.norm(down, axis=-1)


def median(values):
    """The median of float32 [N], a scalar tensor; 0.0 where N is 0."""
    held, count = tf.sort(values), tf.size(values)
    middle = tf.gather(tf.pad(held, [[0, 1]]), tf.stack([tf.maximum(count - 1, 0) // 2, count // 2]))
    return tf.where(count > 0, tf.reduce_mean(middle), 0.0)


def perspective(quad_xy, size_wh):
    """float64 [3, 3]: takes (x, y, 1) of a strip to the quad [4, 2] in the picture, as of `rectify.perspective`."""
    w, h = (tf.cast(side, tf.float64) for side in tf.unstack(size_wh))
    zero, one = tf.zeros([], tf.float64), tf.ones([], tf.float64)
    rows, right = [], []
    for (x, y), corner in zip(((zero, zero), (w, zero), (w, h), (zero, h)), tf.unstack(quad_xy, 4), strict=True):
        u, v = tf.unstack(corner, 2)
        rows += [[x, y, one, zero, zero, zero, -u * x, -u * y], [zero, zero, zero, x, y, one, -v * x, -v * y]]
        right += [u, v]
    found = tf.linalg.solve(tf.convert_to_tensor(rows), tf.stack(right)[:, None])[:, 0]
    return tf.reshape(tf.concat([found, [one]], 0), [3, 3])


def rectified(image, quad_xy, size_wh):
    """uint8 [h, w, 3]: what a quad, float64 [4, 2], of a picture, uint8 [H, W, 3], shows. size_wh: int32 [2]. Beyond
    the picture its border goes on; what is shrunk is averaged, as by `edge.pages.rectify.rectified`.
    """
    sides = tf.norm(tf.roll(quad_xy, -1, 0) - quad_xy, axis=1)
    ratio = tf.maximum(sides[:2], sides[2:]) / tf.cast(size_wh, tf.float64)
    per = tf.where(ratio > 2, tf.cast(tf.math.ceil(ratio), tf.int32), 1)

    def is_much(per):
        return (tf.reduce_prod(tf.cast(tf.concat([size_wh, per], 0), tf.int64)) > MOST_PIXELS) & tf.reduce_any(per > 1)

    (per,) = tf.while_loop(is_much, lambda per: [tf.maximum(per - 1, 1)], [per])
    x, y = ((tf.range(size_wh[i] * per[i], dtype=tf.float64) + 0.5) / tf.cast(per[i], tf.float64) for i in (0, 1))
    matrix = perspective(quad_xy, size_wh)
    points = tf.linalg.matmul(tf.stack(tf.meshgrid(x, y), -1), matrix[:, :2], transpose_b=True) + matrix[:, 2]
    pixels = _bilinear(image, points[..., :2] / points[..., 2:])
    means = tf.reduce_mean(tf.reshape(pixels, [size_wh[1], per[1], size_wh[0], per[0], 3]), [1, 3])
    return tf.cast(tf.clip_by_value(tf.round(means), 0.0, 255.0), tf.uint8)


def _bilinear(image, points_xy):
    """float32 [h, w, 3] at points [h, w, 2] of a picture."""
    last = tf.shape(image)[1::-1] - 1
    held = tf.clip_by_value(points_xy - 0.5, tf.zeros([], tf.float64), tf.cast(last, tf.float64))
    low = tf.cast(held, tf.int32)
    high = tf.minimum(low + 1, last)
    u, v = (tf.cast(held[..., i] - tf.cast(low[..., i], tf.float64), tf.float32)[..., None] for i in (0, 1))

    def at(columns, rows):
        return tf.cast(tf.gather_nd(image, tf.stack([rows[..., 1], columns[..., 0]], -1)), tf.float32)

    upper = at(low, low) * (1 - u) + at(high, low) * u
    lower = at(low, high) * (1 - u) + at(high, high) * u
    return upper * (1 - v) + lower * v
