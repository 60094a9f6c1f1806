"""Scales, learned and fixed."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class Scale(keras.layers.Layer):
    """x * factor, a number."""

    quantize_output_only = True

    def __init__(self, factor, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.factor = factor

    def call(self, x):
        return x * tf.cast(self.factor, x.dtype)

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


@keras.utils.register_keras_serializable("kerasvision")
class LayerScale(keras.layers.Layer):
    """x * gamma, gamma [C] learned and small at first: "Going deeper with Image Transformers" (Touvron et al. 2021,
    arXiv:2103.17239, equation 4).
    """

    quantize_output_only = True

    def __init__(self, initial=1e-6, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.initial = initial

    def build(self, input_shape):
        start = keras.initializers.Constant(self.initial)
        self.gamma = self.add_weight("gamma", shape=(input_shape[-1],), initializer=start)
        super().build(input_shape)

    def call(self, x):
        return x * self.gamma

    def get_config(self):
        return super().get_config() | {"initial": self.initial}
