"""Layers over ids of words, characters and features: rows of a table, and their mean."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class Lookup(keras.layers.Embedding):
    """int [B, T] -> float32 [B, T, D], a row of a table for each id. What is trained for int8 watches its output."""

    quantize_output_only = True


@keras.utils.register_keras_serializable("kerasvision")
class WeightedSum(keras.layers.Layer):
    """[B, T, D] and weights [B, T] -> [B, D], the sum of rows times weights. In integer files it stays float: weights
    of a short and of a long text have no scale in common.
    """

    quantize_output_only = True
    stays_float = True

    def call(self, inputs):
        rows, weights = inputs
        return tf.reduce_sum(rows * weights[..., tf.newaxis], 1)


@keras.utils.register_keras_serializable("kerasvision")
class Positions(keras.layers.Layer):
    """[B, T, D] plus a learned vector for each position."""

    quantize_output_only = True

    def build(self, input_shape):
        self.places = self.add_weight(
            "places", shape=input_shape[1:], initializer=keras.initializers.RandomNormal(0, 0.02)
        )
        super().build(input_shape)

    def call(self, x):
        return x + self.places
