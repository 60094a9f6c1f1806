"""What cosines are multiplied by before a softmax or a sigmoid, learned with all else."""

import math

import tensorflow as tf
import tf_keras as keras

MOST = 100.0  # "clipped to prevent scaling the logits by more than 100": arXiv:2103.00020, section 2.5


@keras.utils.register_keras_serializable("kerasvision")
class LearnedScale(keras.layers.Layer):
    """[B, D] -> the same [B, 1] or [B, 2] for each row: a scale, at most `MOST`, and a bias where there is one.

    The scale is the exponential of what is learned (Radford et al. 2021, arXiv:2103.00020, section 2.5; with a bias:
    Zhai et al. 2023, arXiv:2303.15343, algorithm 1). scale: at first. bias: at first, None for none. Where the scale is
    clipped its gradient passes, so that it may fall again.
    """

    quantize_output_only = True

    def __init__(self, scale, bias=None, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.scale, self.bias = scale, bias

    def build(self, input_shape):
        first = keras.initializers.Constant(math.log(self.scale))
        self.log_scale = self.add_weight("log_scale", shape=(), initializer=first)
        self.shift = None
        if self.bias is not None:
            self.shift = self.add_weight("shift", shape=(), initializer=keras.initializers.Constant(self.bias))
        super().build(input_shape)

    def call(self, x):
        log = tf.cast(self.log_scale, tf.float32)
        log = log + tf.stop_gradient(tf.minimum(log, math.log(MOST)) - log)
        held = [tf.exp(log)] if self.shift is None else [tf.exp(log), tf.cast(self.shift, tf.float32)]
        return tf.ones([tf.shape(x)[0], 1]) * tf.stack(held)[None]

    def get_config(self):
        return super().get_config() | {"scale": self.scale, "bias": self.bias}
