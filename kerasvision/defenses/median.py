"""The median of each pixel's neighborhood, channel by channel.

"Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks" (Xu, Evans, Qi 2018, arXiv:1704.01155,
section 3.2: local smoothing).
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.registry import defenses
from kerasvision.defenses.base import Defense


@defenses.register("median")
@dataclasses.dataclass(frozen=True)
class Median(Defense):
    """3 x 3 pixels; those beyond the border are as those at it. Gradients go to the pixel that is the median.

    By minima and maxima alone: the median of nine is that of the largest of three minima, the median of three medians
    and the smallest of three maxima, each of a column ("A Fast Median Filter Using AltiVec", Kolte, Smith, Su 1999).
    """

    rounds: typing.ClassVar[bool] = False
    keeps_apart: typing.ClassVar[bool] = True

    def __call__(self, pixels):
        above, at, below = _shifted(pixels, 1)
        low, high = tf.minimum(above, below), tf.maximum(above, below)
        middle = tf.maximum(low, tf.minimum(at, high))
        low, high = tf.minimum(low, at), tf.maximum(high, at)
        left, here, right = _shifted(low, 2)
        largest = tf.maximum(tf.maximum(left, here), right)
        left, here, right = _shifted(high, 2)
        smallest = tf.minimum(tf.minimum(left, here), right)
        return _of_three(largest, _of_three(*_shifted(middle, 2)), smallest)


def _shifted(x, axis):
    """What stands before each value along axis 1 or 2 of [B, h, w, C], the values, and what stands behind."""
    first, rest = (x[:, :1], x[:, :-1]) if axis == 1 else (x[:, :, :1], x[:, :, :-1])
    last, others = (x[:, -1:], x[:, 1:]) if axis == 1 else (x[:, :, -1:], x[:, :, 1:])
    return tf.concat([first, rest], axis), x, tf.concat([others, last], axis)


def _of_three(a, b, c):
    return tf.maximum(tf.minimum(a, b), tf.minimum(tf.maximum(a, b), c))
