"""Cosines with a vector for each class."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class Cosines(keras.layers.Layer):
    """[B, D] -> [B, units]: the cosine of the angle to each of `units` learned vectors, whatever their length.

    "NormFace: L2 Hypersphere Embedding for Face Verification" (Wang, Xiang, Cheng, Yuille 2017, arXiv:1704.06369,
    equation 3). In float32 whatever the policy: a loss multiplies cosines by 30, and float16 has three digits.
    """

    quantize_output_only = True

    def __init__(self, units, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", shape=(int(input_shape[-1]), self.units), initializer="glorot_uniform")
        super().build(input_shape)

    def call(self, x):
        x, kernel = tf.cast(x, tf.float32), tf.cast(self.kernel, tf.float32)
        return tf.math.l2_normalize(x, -1) @ tf.math.l2_normalize(kernel, 0)

    def get_config(self):
        return super().get_config() | {"units": self.units}
