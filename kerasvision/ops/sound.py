"""Sound at another rate: a sinc under a Kaiser window, in TensorFlow, with the coefficients of
`scipy.signal.resample_poly(x, up, down)` (window=("kaiser", 5.0); Crochiere and Rabiner 1983, Multirate Digital Signal
Processing, section 4.3).
"""

import math

import numpy as np
import tensorflow as tf

MASKED = "masked"  # key of a sample: float32 [n, 4], rectangles of its picture that training hides, see `covered`
CROSSINGS, BETA = 10, 5.0  # zeros of the sinc on either side, and the shape of the window


def resampled(samples, given, wanted, most):
    """float32 [N] at `given` samples a second -> float32 [min(most, ceil(N * wanted / given))] at `wanted`.

    given: an int32 scalar, a tensor; wanted, most: int. What is beyond either end counts as 0.
    """
    given = tf.cast(given, tf.int64)
    divisor = _common_divisor(given, tf.constant(wanted, tf.int64))
    up, down = wanted // divisor, given // divisor
    count = tf.minimum((tf.size(samples, tf.int64) * up + down - 1) // down, most)

    def filtered():
        place = tf.range(count) * down
        coefficients, reach = _coefficients(up, down)
        padded = tf.pad(samples, [[reach, reach + 1]])
        first, phase = place // up, place % up

        def add(number, total):
            return number + 1, total + tf.gather(padded, first + number) * tf.gather(coefficients[number], phase)

        rows = tf.shape(coefficients, tf.int64)[0]
        begin = tf.constant(0, tf.int64), tf.zeros([count])
        _, total = tf.while_loop(
            lambda number, _: number < rows,
            add,
            begin,
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
        )
        return total

    return tf.cond(tf.equal(up, down), lambda: samples[:count], filtered)


def reaching(given, wanted, most):
    """How many samples, from the first one on, `resampled` looks at. Arguments as its own, given too an int."""
    taps = -(-CROSSINGS * max(given, wanted) // wanted)  # on either side, rounded up
    return (most - 1) * given // wanted + taps + 3  # one that the last output stands at, and two for rounding


def _common_divisor(a, b):
    """The greatest one of two int64 scalars."""
    return tf.while_loop(lambda a, b: b > 0, lambda a, b: (b, a % b), (a, b))[0]


def _coefficients(up, down):
    """(float32 [taps, up], taps before the sample that an output stands at or behind).

    Row k, column p: what the k-th of the samples around an output counts that stands p / up behind one of them.
    """
    up, down = tf.cast(up, tf.float64), tf.cast(down, tf.float64)
    cut = tf.minimum(up / down, 1.0)  # of the samples' own highest frequency
    reach = tf.cast(tf.math.ceil(CROSSINGS / cut), tf.int64)
    behind = tf.range(up, dtype=tf.float64) / up
    away = tf.cast(tf.range(-reach, reach + 2), tf.float64)[:, None] - behind[None]
    within = tf.maximum(1.0 - tf.square(away * cut / CROSSINGS), 0.0)
    window = tf.math.bessel_i0(BETA * tf.sqrt(within)) * tf.cast(tf.abs(away) * cut <= CROSSINGS, tf.float64)
    angle = math.pi * cut * away
    sinc = tf.where(angle == 0, tf.ones_like(angle), tf.sin(angle) / tf.where(angle == 0, tf.ones_like(angle), angle))
    held = sinc * window
    return tf.cast(held * up / tf.reduce_sum(held), tf.float32), reach


def fitted(samples, given, wanted, most):
    """float32 [N] -> float32 [most] at `wanted` samples a second: the beginning of a longer sound, a shorter one with
    zeros behind it. Arguments as of `resampled`.
    """
    held = resampled(samples, given, wanted, most)
    return tf.ensure_shape(tf.pad(held, [[0, most - tf.size(held)]]), [most])


def covered(rectangles, rows, columns):
    """float32 [B, n, 4] of (first row, last row, first column, last column) in parts of a picture's sides -> float32
    [B, rows, columns]: 1 where the middle of a cell lies in one of them.
    """
    down = _between(rectangles[..., 0:2], rows)[..., None]
    across = _between(rectangles[..., 2:4], columns)[:, :, None]
    return tf.cast(tf.reduce_any(down & across, 1), tf.float32)


def _between(bounds, count):
    middle = tf.constant((np.arange(count) + 0.5) / count, tf.float32)
    return (middle >= bounds[..., :1]) & (middle < bounds[..., 1:])
