"""Real numbers on a file's grids of integers, with gradients: what is rounded passes them, what is cut off does not.

"Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation" (Bengio et al. 2013,
arXiv:1308.3432, section 4: the straight-through estimator), as "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference" (Jacob et al. 2017, arXiv:1712.05877, section 3) has it.
"""

import numpy as np
import tensorflow as tf

from kerasvision.export.twin.reading import named

_TIE = 1e-4  # of a step: what float32 may take off a half


def on_grid(x, held):
    """float32 -> the nearest numbers that integers of a quantized `Held` stand for."""
    scale, zero = held.grid()
    range_of = np.iinfo(held.dtype)
    return rounded(x, scale, zero, range_of.min, range_of.max)


def rounded(x, scale, zero, least, most):
    """float32 -> (n - zero) * scale of the nearest integers n of least..most; of halves the one further from 0, as in
    LiteRT. Gradients pass but where the nearest integer is beyond the ends: black is often a fraction of a step below
    the range of a file's input, and is not cut off there.
    """
    inside = tf.clip_by_value(x, (least - zero - 0.5) * scale, (most - zero + 0.5) * scale)
    steps = inside / scale + zero
    integers = tf.sign(steps) * tf.floor(tf.abs(steps) + (0.5 + _TIE))
    return inside + tf.stop_gradient((tf.clip_by_value(integers, least, most) - zero) * scale - inside)


def on_own_grid(x, symmetric):
    """float32 [rows, ...] -> each row in 8 bits of its own range, as LiteRT's kernels for float inputs and int8 weights
    round before they multiply. symmetric: about 0.
    """
    axes = tuple(range(1, x.shape.rank))
    fixed = tf.stop_gradient(x)
    low = tf.minimum(tf.reduce_min(fixed, axes, keepdims=True), 0.0)
    high = tf.maximum(tf.reduce_max(fixed, axes, keepdims=True), 0.0)
    if symmetric:
        most = tf.maximum(-low, high)
        return rounded(x, tf.where(most > 0, most / 127.0, 1.0), 0.0, -127.0, 127.0)
    scale = tf.where(high > low, (high - low) / 255.0, 1.0)
    return rounded(x, scale, tf.round(-128.0 - low / scale), -128.0, 127.0)


def activated(x, number):
    """The activation that an operator has within, by the schema's number."""
    name = named("ActivationFunctionType")[number]
    return ACTIVATIONS[name](x)


ACTIVATIONS = {
    "NONE": lambda x: x,
    "RELU": tf.nn.relu,
    "RELU6": tf.nn.relu6,
    "RELU_N1_TO_1": lambda x: tf.clip_by_value(x, -1.0, 1.0),
    "TANH": tf.tanh,
}
