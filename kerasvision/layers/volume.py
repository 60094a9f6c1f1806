"""Layers over volumes [B, D, H, W, C], in a form that TFLite and ONNX have kernels for."""

import tensorflow as tf
import tf_keras as keras

from kerasvision.layers.norm import batch_norm


@keras.utils.register_keras_serializable("kerasvision")
class MaxPool3D(keras.layers.Layer):
    """Maxima over blocks of `strides` voxels, which the sides must be multiples of.

    TFLite has no pooling over volumes; the maximum of a block is the maximum along D of the maxima of its planes, and
    each of the two is a pooling in the plane.
    """

    def __init__(self, strides=(2, 2, 2), name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.strides = tuple(strides)

    def call(self, x):
        depth, height, width, channels = x.shape[1:]
        d, h, w = self.strides
        planes = tf.nn.max_pool2d(tf.reshape(x, [-1, height, width, channels]), (h, w), (h, w), "VALID")
        rows = tf.reshape(planes, [-1, depth, (height // h) * (width // w), channels])
        rows = tf.nn.max_pool2d(rows, (d, 1), (d, 1), "VALID")
        return tf.reshape(rows, [-1, depth // d, height // h, width // w, channels])

    def get_config(self):
        return super().get_config() | {"strides": self.strides}


def convolve(x, width, kernel, name, strides=1, activation="relu"):
    """Convolution, batch normalization and activation (or None)."""
    x = keras.layers.Conv3D(
        width, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_uniform", name=f"{name}_conv"
    )(x)
    x = batch_norm(f"{name}_bn")(x)
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def enlarge(x, width, strides, name):
    """A transposed convolution whose kernel is its stride ("up-convolution"), normalized, with ReLU."""
    x = keras.layers.Conv3DTranspose(
        width, strides, strides, use_bias=False, kernel_initializer="he_uniform", name=f"{name}_up"
    )(x)
    return keras.layers.Activation("relu", name=f"{name}_up_relu")(batch_norm(f"{name}_up_bn")(x))
