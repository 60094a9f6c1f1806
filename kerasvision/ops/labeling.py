"""Connected components of a mask and the rectangles of their moments, by operators that every runtime has; shapes are
static. Components on the host: `scipy.ndimage.label`.
"""

import tensorflow as tf

_ROUND = 1e-4  # of the mean variance: what differs by less between two directions is as long as wide
_MOST_CELLS = 2**24  # whole numbers that float32 tells apart


def label(mask):
    """Components, whose cells touch at a side or a corner, of bool [B, h, w].

    Returns float32 [B, h, w] of whole numbers: 0 outside of the mask, else one above the largest index (row * w +
    column) in the component. Each cell takes the largest number around it, and then the number of the cell that this
    one names, until nothing changes: in a winding component of n cells in far fewer than n steps.
    """
    height, width = mask.shape[1:]
    if height * width >= _MOST_CELLS:
        raise ValueError(f"a mask of {height} x {width} cells; allowed: fewer than {_MOST_CELLS}")
    inside = tf.cast(mask, tf.float32)
    numbers = tf.reshape(tf.range(1, height * width + 1, dtype=tf.float32), [1, height, width])

    def spread(labels, _):
        around = tf.nn.max_pool2d(labels[..., None], 3, 1, "SAME")[..., 0] * inside
        flat = tf.reshape(around, [-1, height * width])
        named = tf.gather(flat, tf.maximum(tf.cast(flat, tf.int32) - 1, 0), batch_dims=1)
        after = tf.maximum(around, tf.reshape(named, tf.shape(labels)) * inside)
        return after, tf.reduce_any(tf.not_equal(after, labels))

    start = inside * numbers
    return tf.while_loop(lambda _, changed: changed, spread, [start, tf.reduce_any(mask)])[0]


def largest(labels, count):
    """(numbers, sizes), float32 [B, count]: the components with the most cells, the largest first, among equals the
    larger number; 0 where there are fewer. labels: of `label`.
    """
    height, width = labels.shape[1:]
    cells = height * width
    most = ((height + 1) // 2) * ((width + 1) // 2)  # of components: none has a cell of a 2 x 2 block of another
    ordered = tf.math.top_k(tf.reshape(labels, [-1, cells]), cells).values  # runs of equal numbers
    after = tf.pad(ordered[:, 1:], [[0, 0], [0, 1]])
    place = tf.range(1, cells + 1, dtype=tf.float32)
    ends = tf.where(tf.not_equal(ordered, after), place, float(cells + 1))
    ends = -tf.math.top_k(-ends, most).values  # where runs end, rising
    there = ends <= cells
    before = tf.pad(ends[:, :-1], [[0, 0], [1, 0]])
    sizes = tf.where(there, ends - before, 0.0)
    named = tf.gather(ordered, tf.cast(tf.where(there, ends, 1.0), tf.int32) - 1, batch_dims=1)
    kept = min(count, most)
    sizes, index = tf.math.top_k(sizes, kept)
    numbers = tf.where(sizes > 0.0, tf.gather(named, index, batch_dims=1), 0.0)
    free = [[0, 0], [0, count - kept]]
    return tf.pad(numbers, free), tf.pad(sizes, free)


def rectangles(member):
    """The rectangle with the center and the variances of each component, in cells measured as pixels.

    member: float32 [B, S, h, w], 1 at the cells of component S, which are squares. A uniform rectangle L x W has the
    variances L^2 / 12 and W^2 / 12 along its sides. Returns centers_xy and along_xy [B, S, 2], the direction of the
    longer side, its x not below 0, and sides [B, S, 2], the longer one first. Without any cell everything is 0, and
    what is as long as wide stands upright.
    """
    height, width = member.shape[2:]
    xs, ys = (tf.range(side, dtype=tf.float32) + (0.5 - side / 2.0) for side in (width, height))
    columns, rows = tf.reduce_sum(member, 2), tf.reduce_sum(member, 3)  # whole numbers, so exact
    size = tf.reduce_sum(rows, -1, keepdims=True)
    weight = 1.0 / tf.maximum(size, 1.0)
    x = xs - tf.reduce_sum(columns * xs, -1, keepdims=True) * weight  # from the center, [B, S, w]
    y = ys - tf.reduce_sum(rows * ys, -1, keepdims=True) * weight
    moved = tf.reduce_sum(member * x[:, :, None], 3)  # of each row
    variances = [tf.reduce_sum(n * v**2, -1, keepdims=True) * weight for n, v in ((columns, x), (rows, y))]
    along = _longest(*variances, tf.reduce_sum(moved * y, -1, keepdims=True) * weight)
    # once more across the longer side: the difference of two large numbers would not say how thin a line is
    across = along[..., 0, None, None] * y[..., None] - along[..., 1, None, None] * x[:, :, None]
    least = tf.reduce_sum(member * across**2, [2, 3])[..., None] * weight
    most = tf.maximum(variances[0] + variances[1] - least, least)
    there = tf.cast(size > 0.0, tf.float32)
    centers = tf.concat([xs[0] - x[..., :1], ys[0] - y[..., :1]], -1) + [width / 2.0, height / 2.0]
    sides = tf.sqrt(12.0 * tf.concat([most, least], -1) + 1.0)  # and 1 / 12, the variance within a cell
    return centers * there, along * there, sides * there


def _longest(var_x, var_y, cov):
    """[..., 2]: the direction of the largest variance, by half of the angle of (var_x - var_y, 2 cov)."""
    half = (var_x - var_y) / 2.0
    length = tf.sqrt(half**2 + cov**2)
    is_round = length <= _ROUND * (var_x + var_y) / 2.0
    safe = tf.where(is_round, 1.0, length)
    cos, sin = tf.where(is_round, 1.0, half / safe), tf.where(is_round, 0.0, cov / safe)
    larger = tf.sqrt((1.0 + tf.abs(cos)) / 2.0)  # of both parts, so that nothing cancels
    smaller = tf.abs(sin) / (2.0 * larger)
    right, down = tf.where(cos >= 0.0, larger, smaller), tf.where(cos >= 0.0, smaller, larger)
    return tf.concat([right, tf.where(sin < 0.0, -down, down)], -1)
