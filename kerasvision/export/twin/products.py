"""Operators that multiply with kernels, and those that pool."""

import tensorflow as tf

from kerasvision.export.twin.grids import activated, on_own_grid
from kerasvision.export.twin.reading import named


def _padding(options):
    return named("Padding")[options.padding]


def _input(x, node, is_symmetric):
    """What the kernel really multiplies: float inputs are rounded where its weights are integers, example by example;
    around 0 if LiteRT's kernel does it so.
    """
    taken, kernel = node.takes[:2]
    return x if taken.is_quantized or not kernel.is_quantized else on_own_grid(x, is_symmetric)


def _image(x, node):
    """The input of a convolution: LiteRT's kernels know a zero point only of kernels with a scale for each channel."""
    return _input(x, node, node.takes[1].is_quantized and node.takes[1].scale.size == 1)


def _finish(y, bias, node):
    y = y if bias is None else y + bias
    return activated(y, node.options.fusedActivationFunction)


def conv_2d(node, x, kernel, bias=None):
    """Kernel [out, h, w, in]."""
    o = node.options
    y = tf.nn.conv2d(
        _image(x, node),
        tf.transpose(kernel, (1, 2, 3, 0)),
        (o.strideH, o.strideW),
        _padding(o),
        dilations=(o.dilationHFactor, o.dilationWFactor),
    )
    return _finish(y, bias, node)


def depthwise_conv_2d(node, x, kernel, bias=None):
    """Kernel [1, h, w, in * multiplier]."""
    o = node.options
    height, width, channels = kernel.shape[1:]
    kernel = tf.reshape(kernel, (height, width, channels // o.depthMultiplier, o.depthMultiplier))
    strides, dilations = (1, o.strideH, o.strideW, 1), (o.dilationHFactor, o.dilationWFactor)
    y = tf.nn.depthwise_conv2d(_image(x, node), kernel, strides, _padding(o), dilations=dilations)
    return _finish(y, bias, node)


def fully_connected(node, x, kernel, bias=None):
    """Kernel [out, in]."""
    rows = _input(tf.reshape(x, (-1, kernel.shape[-1])), node, not node.options.asymmetricQuantizeInputs)
    y = _finish(tf.matmul(rows, kernel, transpose_b=True), bias, node)
    return tf.reshape(y, node.makes[0].shape)


def batch_matmul(node, x, y):
    """The last two axes of both."""
    return tf.matmul(x, y, transpose_a=node.options.adjX, transpose_b=node.options.adjY)


def conv_3d(node, x, kernel, bias=None):
    """Kernel [d, h, w, in, out]."""
    o = node.options
    strides = (1, o.strideD, o.strideH, o.strideW, 1)
    dilations = (1, o.dilationDFactor, o.dilationHFactor, o.dilationWFactor, 1)
    return _finish(tf.nn.conv3d(x, kernel, strides, _padding(o), dilations=dilations), bias, node)


def conv_3d_transpose(node, shape, kernel, x, bias=None):
    """Kernel [d, h, w, out, in]."""
    o = node.options
    return _finish(tf.nn.conv3d_transpose(x, kernel, shape, (o.strideD, o.strideH, o.strideW), _padding(o)), bias, node)


def _pool(pool):
    def run(node, x):
        o = node.options
        y = pool(x, (o.filterHeight, o.filterWidth), (o.strideH, o.strideW), _padding(o))
        return activated(y, o.fusedActivationFunction)

    return run


OPERATORS = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "BATCH_MATMUL": batch_matmul,
    "CONV_3D": conv_3d,
    "CONV_3D_TRANSPOSE": conv_3d_transpose,
    "AVERAGE_POOL_2D": _pool(tf.nn.avg_pool2d),
    "MAX_POOL_2D": _pool(tf.nn.max_pool2d),
}
