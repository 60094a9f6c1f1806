"""Layers over several senses of one thing, of which some may be missing."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class Column(keras.layers.Layer):
    """[B, M] -> [B, 1], column `number`."""

    quantize_output_only = True

    def __init__(self, number, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.number = number

    def call(self, x):
        return x[:, self.number : self.number + 1]

    def get_config(self):
        return super().get_config() | {"number": self.number}


@keras.utils.register_keras_serializable("kerasvision")
class StandIn(keras.layers.Layer):
    """[B, D] and flags [B, 1] of 0 or 1 -> [B, D]: a learned vector in place of what is not there."""

    quantize_output_only = True

    def build(self, input_shape):
        (_, width), _ = input_shape
        self.token = self.add_weight("token", shape=(width,), initializer=keras.initializers.RandomNormal(0, 0.02))
        super().build(input_shape)

    def call(self, inputs):
        vector, there = inputs
        return vector * there + self.token * (1.0 - there)


@keras.utils.register_keras_serializable("kerasvision")
class DropSenses(keras.layers.Layer):
    """Flags [B, M] of 0 or 1 -> the same; in training each is 0 with a chance of `rate`. Where that would be all, none
    is dropped ("ModDrop", Neverova et al. 2015, arXiv:1501.00102, section 4.3).
    """

    quantize_output_only = True

    def __init__(self, rate, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.rate = rate
        self.draws = keras.layers.Dropout(rate)  # whose seeds are Keras' own

    def call(self, flags, training=None):
        if not self.rate or not training:
            return tf.identity(flags)
        kept = flags * tf.cast(self.draws(tf.ones_like(flags), training=True) > 0, flags.dtype)
        return tf.where(tf.reduce_max(kept, 1, keepdims=True) > 0, kept, flags)

    def get_config(self):
        return super().get_config() | {"rate": self.rate}


@keras.utils.register_keras_serializable("kerasvision")
class Shares(keras.layers.Layer):
    """Scores [B, M] and flags [B, M] of 0 or 1 -> [B, M]: softmax over the senses that are there, 0 for the others."""

    quantize_output_only = True
    stays_float = True

    def call(self, inputs):
        scores, there = inputs
        return tf.nn.softmax(scores - _FAR * (1.0 - there)) * there


_FAR = 1e4  # below every score; float16 has it


@keras.utils.register_keras_serializable("kerasvision")
class SharedSum(keras.layers.Layer):
    """M vectors [B, D] and their shares [B, M] -> [B, D]."""

    quantize_output_only = True

    def call(self, inputs):
        *vectors, shares = inputs
        return tf.add_n([vector * shares[:, n : n + 1] for n, vector in enumerate(vectors)])
