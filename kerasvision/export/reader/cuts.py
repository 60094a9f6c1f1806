"""Where long strips of text are cut for a recognizer of one size, within a graph: `edge.pages.strips.parts_of`."""

import tensorflow as tf

from kerasvision.edge.pages.strips import GRAY, QUIET, WORD_GAP


def canvases(strip, width):
    """(uint8 [P, h, width, 3]: the parts of a strip, uint8 [h, w, 3], each amid gray; bool [P]: whether words are
    parted where it begins).
    """
    first, behind, blank = parts_of(strip, width)

    def canvas(ends):
        piece = strip[:, ends[0] : ends[1]]
        free = width - (ends[1] - ends[0])
        held = tf.pad(
            piece, [[0, 0], [free // 2, free - free // 2], [0, 0]], constant_values=tf.constant(GRAY, tf.uint8)
        )
        return tf.ensure_shape(held, [None, width, 3])

    spec = tf.TensorSpec([strip.shape[0], width, 3], tf.uint8)
    return tf.map_fn(canvas, tf.stack([first, behind], 1), fn_output_signature=spec), blank


def parts_of(strip, most):
    """(first, behind: int32 [P], blank: bool [P]), columns of the parts of a strip, none wider than `most`."""
    height, width = (tf.shape(strip)[axis] for axis in (0, 1))
    contrast = tf.math.reduce_std(tf.reduce_mean(tf.cast(strip, tf.float32), -1), 0)
    quiet = contrast < QUIET * percentile(contrast, 90)
    steps = tf.concat([[0], tf.cast(quiet, tf.int32), [0]], 0)
    steps = steps[1:] - steps[:-1]
    starts, ends = (tf.cast(tf.where(steps == step)[:, 0], tf.int32) for step in (1, -1))
    wide = tf.cast(ends - starts, tf.float32) >= WORD_GAP * tf.cast(height, tf.float32)

    def cut_of(first):
        low, high = first + (most + 1) // 2, first + most
        rank = tf.where((ends > low) & (starts < high), (ends - starts) * (width + 1) + starts, -1)
        faintest = low + tf.argmin(contrast[low:high], output_type=tf.int32)
        if_any = tf.reduce_max(tf.pad(rank, [[0, 1]], constant_values=-1)) >= 0
        best = tf.argmax(tf.pad(rank, [[0, 1]], constant_values=-1), output_type=tf.int32)
        middle = (tf.pad(starts, [[0, 1]])[best] + tf.pad(ends, [[0, 1]])[best]) // 2
        cut = tf.where(if_any, tf.clip_by_value(middle, low, high), faintest)
        return cut, if_any & tf.pad(wide, [[0, 1]])[best]

    def step(number, first, cuts, blanks):
        cut, blank = cut_of(first)
        return number + 1, cut, cuts.write(number, cut), blanks.write(number, blank)

    arrays = [tf.TensorArray(dtype, 0, dynamic_size=True, element_shape=[]) for dtype in (tf.int32, tf.bool)]
    _, _, cuts, blanks = tf.while_loop(
        lambda number, first, *held: width - first > most, step, [tf.constant(0), tf.constant(0), *arrays]
    )
    cuts, blanks = cuts.stack(), blanks.stack()
    return tf.concat([[0], cuts], 0), tf.concat([cuts, [width]], 0), tf.concat([[False], blanks], 0)


def percentile(values, percent):
    """Of [N], by linear interpolation as numpy's."""
    held, last = tf.sort(values), tf.size(values) - 1
    place = tf.cast(last, tf.float64) * (percent / 100)
    low = tf.cast(tf.floor(place), tf.int32)
    share = tf.cast(place - tf.floor(place), values.dtype)
    return held[low] + (held[tf.minimum(low + 1, last)] - held[low]) * share
