"""The logits of a weighted mean of probabilities."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class LogMixture(keras.layers.Layer):
    """Logits z_i, M tensors [..., K] -> logits of sum_i w_i p(z_i), with p softmax or sigmoid: exactly, without a floor
    on probabilities, as log sum exp(log w_i + log p_i). Of operations that TFLite has itself.
    """

    quantize_output_only = True

    def __init__(self, form, shares, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.form, self.shares = form, tuple(shares)

    def call(self, logits):
        if self.form == "softmax":
            return self._mixed([tf.nn.log_softmax(z) for z in logits])
        return self._mixed([_log_sigmoid(z) for z in logits]) - self._mixed([_log_sigmoid(-z) for z in logits])

    def _mixed(self, terms):
        taken = [(share, t) for share, t in zip(self.shares, terms, strict=True) if share > 0]
        most = taken[0][1]
        for _, term in taken[1:]:
            most = tf.maximum(most, term)
        return most + tf.math.log(tf.add_n([share * tf.exp(term - most) for share, term in taken]))

    def get_config(self):
        return super().get_config() | {"form": self.form, "shares": self.shares}


def _log_sigmoid(z):
    return tf.minimum(z, 0.0) - tf.math.log(1.0 + tf.exp(-tf.abs(z)))
