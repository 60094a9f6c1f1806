"""Operators that work value by value, with broadcasting, and those that reduce axes."""

import tensorflow as tf

from kerasvision.export.twin.grids import activated


def _plain(function):
    """An operator without options."""
    return lambda node, *values: function(*values)


def _fused(function):
    """An operator with an activation within."""
    return lambda node, x, y: activated(function(x, y), node.options.fusedActivationFunction)


def _reducing(function):
    return lambda node, x, axes: function(x, axes, keepdims=node.options.keepDims)


def softmax(node, x):
    """Over the last axis."""
    return tf.nn.softmax(x * node.options.beta)


def leaky_relu(node, x):
    """With the slope of its options below 0."""
    return tf.nn.leaky_relu(x, node.options.alpha)


def gelu(node, x):
    """By the error function, or by its approximation."""
    return tf.nn.gelu(x, node.options.approximate)


def l2_normalization(node, x):
    """The last axis, of length 1; of values shorter than a millionth, as far as they go."""
    return activated(tf.math.l2_normalize(x, -1, epsilon=1e-12), node.options.fusedActivationFunction)


def cast(node, x):
    """To the dtype of its output; pixels stay the real numbers that they are, so that they have gradients."""
    held = node.makes[0]
    return x if held.is_real and node.takes[0].is_real else tf.cast(x, real_dtype(held))


def unchanged(node, x):
    """QUANTIZE and DEQUANTIZE: the grid of the output, if it has one, does the rounding."""
    return tf.cast(x, tf.float32)


def whole(node, x):
    """The nearest whole numbers, halves to even ones; gradients pass, as they do on grids."""
    return x + tf.stop_gradient(tf.round(x) - x)


def add_n(node, *values):
    """The sum of all."""
    return tf.add_n(list(values))


def real_dtype(held):
    """In what a twin holds a `Held`: real numbers in float32."""
    return tf.float32 if held.is_real else tf.dtypes.as_dtype(held.dtype)


OPERATORS = (
    {
        "ADD": _fused(tf.add),
        "SUB": _fused(tf.subtract),
        "MUL": _fused(tf.multiply),
        "DIV": _fused(tf.divide),
        "ADD_N": add_n,
        "ROUND": whole,
        "CAST": cast,
        "QUANTIZE": unchanged,
        "DEQUANTIZE": unchanged,
        "SOFTMAX": softmax,
        "L2_NORMALIZATION": l2_normalization,
        "LEAKY_RELU": leaky_relu,
        "GELU": gelu,
        "HARD_SWISH": _plain(lambda x: x * tf.nn.relu6(x + 3.0) / 6.0),
        "SELECT_V2": _plain(tf.where),
        "SELECT": _plain(tf.where),
    }
    | {
        name: _plain(function)
        for name, function in {
            "ABS": tf.abs,
            "NEG": tf.negative,
            "EXP": tf.exp,
            "LOG": tf.math.log,
            "SQRT": tf.sqrt,
            "RSQRT": tf.math.rsqrt,
            "SQUARE": tf.square,
            "FLOOR": tf.floor,
            "POW": tf.pow,
            "LOGISTIC": tf.sigmoid,
            "TANH": tf.tanh,
            "RELU": tf.nn.relu,
            "RELU6": tf.nn.relu6,
            "LOG_SOFTMAX": tf.nn.log_softmax,
            "SQUARED_DIFFERENCE": tf.math.squared_difference,
            "MAXIMUM": tf.maximum,
            "MINIMUM": tf.minimum,
            "FLOOR_DIV": tf.math.floordiv,
            "FLOOR_MOD": tf.math.floormod,
            "EQUAL": tf.equal,
            "NOT_EQUAL": tf.not_equal,
            "GREATER": tf.greater,
            "LESS": tf.less,
            "GREATER_EQUAL": tf.greater_equal,
            "LESS_EQUAL": tf.less_equal,
            "LOGICAL_AND": tf.logical_and,
            "LOGICAL_OR": tf.logical_or,
            "LOGICAL_NOT": tf.logical_not,
        }.items()
    }
    | {
        name: _reducing(function)
        for name, function in {
            "MEAN": tf.reduce_mean,
            "SUM": tf.reduce_sum,
            "REDUCE_MAX": tf.reduce_max,
            "REDUCE_MIN": tf.reduce_min,
            "REDUCE_PROD": tf.reduce_prod,
            "REDUCE_ALL": tf.reduce_all,
            "REDUCE_ANY": tf.reduce_any,
        }.items()
    }
)
