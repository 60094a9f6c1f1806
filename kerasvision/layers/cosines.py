"""Cosines with a vector for each class."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

_LEAST = 1e-7  # of a squared distance, whose root has no gradient at 0


@keras.utils.register_keras_serializable("kerasvision")
class Cosines(keras.layers.Layer):
    """[B, D] -> [B, units]: the cosine of the angle to each of `units` learned vectors, whatever their length.

    "NormFace: L2 Hypersphere Embedding for Face Verification" (Wang, Xiang, Cheng, Yuille 2017, arXiv:1704.06369,
    equation 3). In float32 whatever the policy: a loss multiplies cosines by 30, and float16 has three digits.

    centers: vectors of each unit. Of several the nearest counts ("Sub-center ArcFace", Deng et al., ECCV 2020, equation
    3), or with a temperature above 0 their mean, weighted by softmax(cosine / temperature) ("SoftTriple Loss", Qian et
    al. 2019, arXiv:1909.05235, equation 4). merge: weight of the loss that draws a unit's vectors together, so that
    only as many stay apart as it needs: half the mean of sqrt(2 - 2 cosine) over pairs of them (equation 8).
    """

    quantize_output_only = True

    def __init__(self, units, centers=1, temperature=0.0, merge=0.0, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.units, self.centers, self.temperature, self.merge = units, centers, temperature, merge

    def build(self, input_shape):
        self.kernel = self.add_weight(
            "kernel",
            shape=(int(input_shape[-1]), self.units * self.centers),
            initializer="glorot_uniform",
            regularizer=self.apart if self.merge and self.centers > 1 else None,
        )
        super().build(input_shape)

    def apart(self, kernel):
        """The loss that `merge` weights. kernel: [D, units * centers], a unit's vectors side by side."""
        vectors = tf.math.l2_normalize(tf.reshape(kernel, [-1, self.units, self.centers]), 0)
        cosines = tf.einsum("dua,dub->uab", vectors, vectors)
        pairs = np.triu(np.ones([self.centers] * 2, bool), 1)
        away = tf.sqrt(tf.maximum(2.0 - 2.0 * tf.boolean_mask(cosines, pairs, axis=1), _LEAST))
        return self.merge * tf.reduce_mean(away) / 2.0

    def call(self, x):
        x, kernel = tf.cast(x, tf.float32), tf.cast(self.kernel, tf.float32)
        cosines = tf.math.l2_normalize(x, -1) @ tf.math.l2_normalize(kernel, 0)
        if self.centers == 1:
            return cosines
        cosines = tf.reshape(cosines, [-1, self.units, self.centers])
        if not self.temperature:
            return tf.reduce_max(cosines, -1)
        return tf.reduce_sum(tf.nn.softmax(cosines / self.temperature) * cosines, -1)

    def get_config(self):
        own = {key: getattr(self, key) for key in ("units", "centers", "temperature", "merge")}
        return super().get_config() | own
