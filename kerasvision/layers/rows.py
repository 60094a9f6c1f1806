"""Products with vectors that are constants of a graph, to which further ones can be added."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

BLOCK = 32  # vectors that are multiplied at a time


@keras.utils.register_keras_serializable("kerasvision")
class Rows(keras.layers.Layer):
    """[B, D] -> [B, units]: the products with `units` vectors, in float32.

    The vectors stand in blocks of 32, the last filled with zeros, and each block is multiplied by itself: whatever
    order a runtime sums in, a further vector changes no bit of the other products.
    """

    quantize_output_only = True

    def __init__(self, units, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.units = units

    def build(self, input_shape):
        shape = (int(input_shape[-1]), BLOCK)
        self.blocks = [
            self.add_weight(f"block_{n}", shape=shape, initializer="glorot_uniform")
            for n in range(-(-self.units // BLOCK))
        ]
        super().build(input_shape)

    def call(self, x):
        x = tf.cast(x, tf.float32)
        return tf.concat([x @ tf.cast(block, tf.float32) for block in self.blocks], -1)[:, : self.units]

    def rows(self):
        """The vectors that inputs are multiplied with, float32 [units, D], numpy, without what fills the last block."""
        return np.concatenate([block.numpy().T for block in self.blocks])[: self.units]

    def set_rows(self, rows):
        """Put other vectors, [units, D], in their place."""
        filled = np.zeros((BLOCK * len(self.blocks), rows.shape[1]), np.float32)
        filled[: len(rows)] = rows
        self.set_weights([part.T for part in np.split(filled, len(self.blocks))])

    def get_config(self):
        return super().get_config() | {"units": self.units}
