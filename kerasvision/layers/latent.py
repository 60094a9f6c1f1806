"""Codes drawn from normal distributions."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class Latent(keras.layers.Layer):
    """[prior [B, 2, Z], posterior [B, 2, Z], is_known [B, 1], noise [B, Z]] -> z = mean + noise * deviation, [B, Z], of
    the posterior where is_known is 1 and of the prior where it is 0. A distribution is a mean and log variance.

    arXiv:1312.6114, section 2.4; noise is an input, so that the same noise is the same picture in every export.
    """

    quantize_output_only = True

    def call(self, tensors):
        prior, posterior, is_known, noise = tensors
        known = is_known[:, tf.newaxis]
        mean, log_variance = tf.unstack(known * posterior + (1.0 - known) * prior, num=2, axis=1)
        return mean + noise * tf.exp(0.5 * log_variance)


@keras.utils.register_keras_serializable("kerasvision")
class MostLikely(keras.layers.Layer):
    """A distribution [B, 2, Z] -> its mean [B, Z]."""

    quantize_output_only = True

    def call(self, distribution):
        return distribution[:, 0]
