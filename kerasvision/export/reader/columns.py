"""Which lines of a page are from right to left, within a graph: by rows and columns, as `edge.pages.reading_order`."""

import tensorflow as tf

from kerasvision.edge.pages.reading_order import COLUMN, CORRIDOR, ROWS, SAME_ROW, WIDEST
from kerasvision.edge.pages.standing import NEAR
from kerasvision.export.reader import crops
from kerasvision.export.reader.cuts import percentile


def from_right_to_left(quads_xy, votes, standing, rules):
    """bool [N]: whether each quad, float64 [N, 4, 2] of `crops.upright`, is of a line from right to left.

    votes: int [N], how many more of its characters are of scripts from right to left. standing: bool [N], those that
    are read down or up, of which none is. rules: what has `right_to_left` and `word_gap` of `reading.Rules`.
    """
    is_right = rules.right_to_left | (tf.reduce_sum(votes) > 0)
    straight = _straight(quads_xy)
    seen = straight * tf.cast(tf.stack([tf.where(is_right, -1.0, 1.0), 1.0]), straight.dtype)
    boxes = tf.concat([tf.reduce_min(seen, 1), tf.reduce_max(seen, 1)], 1)
    tall = crops.sides(quads_xy)[2]
    heights = tf.where(standing, tall, tf.minimum(tall, boxes[:, 3] - boxes[:, 1]))
    is_down = standing & (straight[:, 1, 1] > straight[:, 0, 1])
    row = connected(_linked(boxes, heights, standing, rules.word_gap) | _beside(boxes, heights, standing, is_down))
    column = connected(_above(boxes, heights, row))
    sums = tf.gather(tf.math.unsorted_segment_sum(votes, column, tf.size(column)), column)
    other = tf.where(is_right, -sums, sums) > 0
    return (is_right ^ (other & (not rules.right_to_left))) & ~standing


def _straight(quads_xy):
    """Quads turned so that lines lie along x."""
    angle = crops.angle_of(quads_xy)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return quads_xy @ tf.stack([tf.stack([cos, -sin]), tf.stack([sin, cos])])


def connected(near):
    """int32 [N]: the lowest number of the set that each row of a symmetric bool [N, N] is joined in."""
    count = tf.shape(near)[0]

    def step(labels, _):
        lower = tf.minimum(labels, tf.reduce_min(tf.where(near, labels[None], count), 1))
        lower = tf.gather(lower, lower)  # those of its set's lowest one so far: long chains end after few steps
        return lower, tf.reduce_any(lower != labels)

    return tf.while_loop(lambda _, changes: changes, step, [tf.range(count), count > 0])[0]


def _linked(boxes, heights, standing, word_gap):
    """bool [N, N], symmetric: quads that lie and follow one another in a row, as `reading_order` joins them."""
    flat = tf.cast(tf.where(~standing)[:, 0], tf.int32)
    count = tf.size(standing)
    pairs = tf.cond(
        tf.size(flat) > 0,
        lambda: tf.gather(flat, _pairs(tf.gather(boxes, flat), tf.gather(heights, flat), word_gap)),
        lambda: tf.zeros([0, 2], tf.int32),
    )
    held = tf.scatter_nd(pairs, tf.ones_like(pairs[:, 0]), tf.stack([count, count])) > 0
    return held | tf.transpose(held)


def _pairs(boxes, heights, word_gap):
    """int32 [K, 2]: a box, and the next one of its row."""
    height = tf.maximum(tf.maximum(heights[:, None], heights), percentile(heights, 75))
    shared = tf.minimum(boxes[:, None, 3], boxes[:, 3]) - tf.maximum(boxes[:, None, 1], boxes[:, 1])
    gap, center = boxes[None, :, 0] - boxes[:, None, 2], (boxes[:, 0] + boxes[:, 2]) / 2
    away = center - center[:, None]
    near = (shared >= SAME_ROW * tf.minimum(heights[:, None], heights)) & (gap < WIDEST * height) & (away > 0)
    cost = tf.where(near, tf.maximum(gap, 0) + 1e-6 * away, float("inf"))
    right, left = (tf.argmin(cost, axis, output_type=tf.int32) for axis in (1, 0))
    pairs = tf.stack([tf.range(tf.size(right)), right], 1)
    pairs = tf.boolean_mask(pairs, tf.gather_nd(near, pairs) & (tf.gather(left, right) == pairs[:, 0]))
    wide = tf.gather_nd(gap >= word_gap * height, pairs)

    def is_parted(pair):
        return _parts(boxes, pair[0], pair[1], tf.gather_nd(height, pair))

    parted = tf.map_fn(is_parted, tf.boolean_mask(pairs, wide), fn_output_signature=tf.TensorSpec([], tf.bool))
    together = tf.boolean_mask(tf.boolean_mask(pairs, wide), ~parted)
    return tf.concat([tf.boolean_mask(pairs, ~wide), together], 0)


def _parts(boxes, i, j, height):
    """Whether the gap between two boxes of a row goes on through the rows above or below, as between columns."""
    left, right = boxes[i, 2], boxes[j, 0]
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    away = (middle[i] + middle[j]) / 2 - middle
    sides = tf.stack([away, -away])
    there = (boxes[:, 2] > boxes[i, 0]) & (boxes[:, 0] < boxes[j, 2]) & (sides > height / 2)
    pitch = tf.reduce_min(tf.where(there, sides, float("inf")))
    rows = (sides > height / 2) & (sides < ROWS * pitch)
    free = tf.stack([_widest(tf.boolean_mask(boxes, rows[side]), left, right) for side in (0, 1)])
    counts = tf.reduce_any(there, 1)
    return ~tf.reduce_any(counts) | tf.reduce_any(counts & (free > CORRIDOR * height))


def _widest(boxes, left, right):
    """The widest part of left..right that no box reaches into."""
    order = tf.argsort(boxes[:, 0])
    low, high = tf.gather(boxes[:, 0], order), tf.gather(boxes[:, 2], order)
    reached = _highest_so_far(tf.concat([left[None], high], 0))
    return tf.reduce_max(tf.minimum(tf.concat([low, right[None]], 0), right) - reached)


def _highest_so_far(values):
    """[N]: of each value and those before it, the highest."""
    count = tf.size(values)

    def step(shift, held):
        return 2 * shift, tf.maximum(held, tf.concat([held[:shift], held[:-shift]], 0))

    return tf.while_loop(lambda shift, _: shift < count, step, [tf.constant(1), values])[1]


def _beside(boxes, heights, standing, is_down):
    """bool [N, N]: quads that stand and are read as one, those of one direction that are near one another."""
    near = NEAR * tf.minimum(heights[:, None], heights)
    apart = tf.maximum(boxes[:, None, :2], boxes[:, :2]) - tf.minimum(boxes[:, None, 2:], boxes[:, 2:])
    alike = (standing[:, None] & standing) & (is_down[:, None] == is_down)
    return tf.reduce_all(apart <= near[..., None], 2) & alike


def _above(boxes, heights, row):
    """bool [N, N]: quads whose rows, of `connected`, stand above one another, or are one."""
    count = tf.size(row)
    hulls = tf.concat(
        [
            tf.math.unsorted_segment_min(boxes[:, :2], row, count),
            tf.math.unsorted_segment_max(boxes[:, 2:], row, count),
        ],
        1,
    )
    sizes = tf.boolean_mask(_medians(heights, row), row == tf.range(count))
    hulls = tf.gather(hulls, row)
    over = tf.minimum(hulls[:, None, 2], hulls[:, 2]) > tf.maximum(hulls[:, None, 0], hulls[:, 0])
    gap = tf.maximum(hulls[:, None, 1], hulls[:, 1]) - tf.minimum(hulls[:, None, 3], hulls[:, 3])
    return (over & (gap <= COLUMN * crops.median(sizes))) | (row[:, None] == row)


def _medians(values, labels):
    """[N]: the median of the values of each label; of labels that none has, anything."""
    order = tf.argsort(values, stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(labels, order), stable=True))
    held, counts = tf.gather(values, order), tf.math.unsorted_segment_sum(tf.ones_like(labels), labels, tf.size(labels))
    first, last = tf.cumsum(counts, exclusive=True), tf.maximum(tf.size(labels) - 1, 0)
    low, high = (tf.minimum(first + part // 2, last) for part in (tf.maximum(counts - 1, 0), counts))
    return (tf.gather(held, low) + tf.gather(held, high)) / 2
