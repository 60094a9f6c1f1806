"""Layers that know which frames of a line are its picture. inside: [B, 1, T, 1], 1 there, and 0 where there is padding,
whose values are 0 behind each layer: to the next convolution as if the picture ended there.
"""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class InsideNorm(keras.layers.BatchNormalization):
    """[x [B, H, T, C], inside] -> batch normalization (Ioffe and Szegedy 2015, arXiv:1502.03167) with the moments of
    what is inside alone, of all replicas; 0 outside. Bessel's correction as `norm.batch_norm` has it.
    """

    def build(self, input_shape):
        super().build(input_shape[0])
        self.input_spec = None

    def call(self, inputs, training=None):
        x, inside = inputs
        held, within = tf.cast(x, tf.float32), tf.cast(inside, tf.float32)
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable:
            mean, variance = self._moments(held, within)
        scale = self.gamma * tf.math.rsqrt(variance + self.epsilon)
        # both factors are of one row, so that little is multiplied for all of them
        return tf.cast(held * (within * scale) + within * (self.beta - mean * scale), x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def _moments(self, x, inside):
        """Mean and variance [C]; the moving ones follow."""
        count = _of_all(tf.reduce_sum(inside)) * tf.cast(tf.shape(x)[1], tf.float32)
        some = tf.maximum(count, 1.0)
        mean = _of_all(_within(x, inside)) / some
        variance = _of_all(_within((x - mean) ** 2, inside)) / some
        corrected = variance * count / tf.maximum(count - 1.0, 1.0)
        for variable, value in ((self.moving_mean, mean), (self.moving_variance, corrected)):
            moved = variable + (1.0 - self.momentum) * (value - variable)
            variable.assign(tf.where(count > 0.0, moved, variable))
        return mean, variance


def _within(x, inside):
    """[C]: the sum of what is inside of [B, H, T, C]."""
    rows = tf.reshape(tf.reduce_sum(x, 1), [-1, x.shape[-1]])
    return tf.linalg.matvec(rows, tf.reshape(inside, [-1]), transpose_a=True)


def _of_all(value):
    """The sum over all replicas."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


@keras.utils.register_keras_serializable("kerasvision")
class Silent(keras.layers.Layer):
    """[logits [B, 1, T, K + 1], inside] -> the same, but frames outside are sure of the last class, the blank."""

    stays_float = True  # or the scale of all logits would be that of -30
    NEVER = -30.0  # of a class: exp(-30) is nothing beside 1

    def call(self, tensors):
        logits, inside = tensors
        inside = tf.cast(inside, logits.dtype)
        blank = tf.one_hot(logits.shape[-1] - 1, logits.shape[-1], 0.0, self.NEVER, dtype=logits.dtype)
        return inside * logits + (1.0 - inside) * blank
