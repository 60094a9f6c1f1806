"""Global response normalization, by which channels compete: "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked
Autoencoders" (Woo et al. 2023, arXiv:2301.00808, section 3.2, algorithm 1).
"""

import tensorflow as tf
import tf_keras as keras

LEAST = 1e-6  # of the mean response, where all are 0


@keras.utils.register_keras_serializable("kerasvision")
class GlobalResponseNormalization(keras.layers.Layer):
    """x [B, h, w, C] -> x + gamma x n + beta, where n [B, 1, 1, C] is the root of each channel's sum of squares over
    all positions, over the mean of that over the channels. gamma and beta [C] are learned and 0 at first.

    It sees all positions at once; those that are 0, as `layers.hidden` makes what is hidden, have no part in n.
    """

    quantize_output_only = True

    def build(self, input_shape):
        self.gamma = self.add_weight("gamma", shape=(input_shape[-1],), initializer="zeros")
        self.beta = self.add_weight("beta", shape=(input_shape[-1],), initializer="zeros")
        super().build(input_shape)

    def call(self, x):
        values = tf.cast(x, tf.float32)  # sums of squares of many positions are beyond float16
        # a slope of the root at 0 would be infinite: of a channel that is silent everywhere it is 0
        total = tf.reduce_sum(tf.square(values), (1, 2), keepdims=True)
        response = tf.sqrt(tf.maximum(total, LEAST**2))
        share = response / (tf.reduce_mean(response, -1, keepdims=True) + LEAST)
        gamma, beta = (tf.cast(weight, tf.float32) for weight in (self.gamma, self.beta))
        return tf.cast(values + gamma * (values * share) + beta, x.dtype)
