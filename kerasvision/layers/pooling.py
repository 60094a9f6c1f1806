"""Pooling of a feature map into one vector, [B, H, W, C] -> [B, C'] : average, max, GeM, spatial pyramid.

All keep the graph flat and convert to TFLite. Average, max and the spatial pyramid are int8 throughout. GeM raises to a
learned power, for which TFLite has a float kernel only: an int8 model computes that one operation in float, between a
dequantization and a quantization. Quantization-aware training has no rule for GeM, so it must be annotated with a
quantizer of its output alone (`quantize_output_only` says so).
"""

import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError

Pooling = typing.Literal["average", "max", "gem", "spatial_pyramid"]


def pool(x, kind: Pooling, name):
    """x: Keras tensor [B, H, W, C] -> [B, C], or [B, bins * C] for `spatial_pyramid`. name: of the (last) layer."""
    if kind == "average":
        return keras.layers.GlobalAveragePooling2D(name=name)(x)
    if kind == "max":
        return keras.layers.GlobalMaxPooling2D(name=name)(x)
    if kind == "gem":
        return GeM(name=name)(x)
    if kind == "spatial_pyramid":
        return spatial_pyramid(x, name)
    raise KerasVisionError(f"pooling={kind!r}; allowed: {', '.join(typing.get_args(Pooling))}")


@keras.utils.register_keras_serializable("kerasvision")
class GeM(keras.layers.Layer):
    """Generalized mean (mean of max(x, epsilon)**p over positions)**(1/p), with one learned p for all channels.

    "Fine-tuning CNN Image Retrieval with No Human Annotation" (Radenovic, Tolias, Chum 2018, arXiv:1711.02512,
    equations 1-3). p = 1 is the average, p towards infinity the maximum; it starts at 3, as in the paper. Values
    below epsilon (negative ones) count as epsilon, so the input should come out of a ReLU.
    """

    quantize_output_only = True

    def __init__(self, p=3.0, epsilon=1e-6, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.initial_p, self.epsilon = p, epsilon

    def build(self, input_shape):
        self.p = self.add_weight("p", shape=(), initializer=keras.initializers.Constant(self.initial_p))
        super().build(input_shape)

    def call(self, x):
        """Float32 whatever the policy: a cube leaves the range of float16 at 40."""
        powers = tf.pow(tf.maximum(tf.cast(x, tf.float32), self.epsilon), tf.cast(self.p, tf.float32))
        mean = tf.reduce_mean(powers, axis=[1, 2])
        return tf.cast(tf.pow(mean, 1.0 / tf.cast(self.p, tf.float32)), x.dtype)

    def shares(self, x):
        """[B, H, W, C] -> the share that each position has in the mean of powers of its channel, which add up to 1."""
        powers = tf.pow(tf.maximum(tf.cast(x, tf.float32), self.epsilon), tf.cast(self.p, tf.float32))
        return powers / tf.reduce_sum(powers, axis=[1, 2], keepdims=True)

    def get_config(self):
        return super().get_config() | {"p": self.initial_p, "epsilon": self.epsilon}


def spatial_pyramid(x, name, bins=(1, 2, 4)):
    """Maxima over n x n windows for each n of `bins`, side by side: [B, H, W, C] -> [B, sum(n * n) * C].

    "Spatial Pyramid Pooling in Deep Convolutional Networks" (He, Zhang, Ren, Sun 2014, arXiv:1406.4729, section 3.1):
    stride floor(H / n) and the smallest window that reaches the border with n of them, which is the paper's
    ceil(H / n) wherever that yields n windows. An n above the map's side is cut to the side. The map must have a
    fixed size.
    """
    h, w = x.shape[1:3]
    if h is None or w is None:
        raise KerasVisionError("pooling='spatial_pyramid' needs a fixed image_size; use 'average', 'max' or 'gem'")
    grids = dict.fromkeys((min(n, h), min(n, w)) for n in bins)
    vectors = []
    for rows, columns in grids:
        strides = (h // rows, w // columns)
        window = (h - (rows - 1) * strides[0], w - (columns - 1) * strides[1])
        level = f"{name}_{rows}x{columns}"
        y = keras.layers.MaxPooling2D(window, strides, name=f"{level}_max")(x)
        vectors.append(keras.layers.Flatten(name=f"{level}_flat")(y))
    return keras.layers.Concatenate(name=name)(vectors) if len(vectors) > 1 else vectors[0]
