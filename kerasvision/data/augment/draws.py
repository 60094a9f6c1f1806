"""Stateless draws of an augmentation's parameters, and the checks of the bounds they are drawn between."""

import math

import tensorflow as tf

from kerasvision.core.errors import UsageError


def uniform(seed, low, high):
    """Uniform float32 numbers between bounds: two scalars, or two lists of equal length. seed: int32 [2]."""
    low, high = tf.constant(low, tf.float32), tf.constant(high, tf.float32)
    return low + (high - low) * tf.random.stateless_uniform(low.shape, seed)


def log_uniform(seed, bounds):
    """A float32 scalar whose logarithm is uniform: a half is as likely as a double."""
    return tf.exp(uniform(seed, *(math.log(b) for b in bounds)))


def split(seed, count):
    """A list of `count` seeds."""
    return tf.unstack(tf.random.experimental.stateless_split(seed, count))


def chance(seed, probability):
    """A bool scalar."""
    return tf.random.stateless_uniform([], seed) < probability


def check(part, **bounds):
    """Fields of an augmentation against bounds, `name=(least, most)`; a field of two numbers must also be ordered."""
    for name, (least, most) in bounds.items():
        value = getattr(part, name)
        values = value if isinstance(value, tuple) else (value,)
        ordered = len(values) != 2 or values[0] <= values[1]
        if not ordered or not all(least <= v <= most for v in values):
            order = "low, then high, each " if len(values) == 2 else ""
            upper = "or more" if math.isinf(most) else f"to {most:g}"
            raise UsageError(f"{part.registered_name} {name}={value}; allowed: {order}{least:g} {upper}")
