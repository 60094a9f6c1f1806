"""Defenses as a layer of a graph, between what prepares pixels and what looks at them."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.component import from_json, to_json


@keras.utils.register_keras_serializable("kerasvision")
class Defended(keras.layers.Layer):
    """Normalized pixels [B, h, w, C] -> the same after defenses, which see them as 0..255; float32 whatever the policy,
    and in int8 files too.

    defenses: of the kind, in order, or their JSON. mean, std: of the normalization, a value for each channel of the
    graph or one for all.
    """

    stays_float = True
    quantize_output_only = True

    def __init__(self, defenses, mean, std, name=None, trainable=False, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype="float32")
        self.defenses = tuple(from_json(d) if isinstance(d, dict) else d for d in defenses)
        self.mean, self.std = np.float32(mean), np.float32(std)

    def call(self, x):
        pixels = x * self.std + self.mean
        for defense in self.defenses:
            pixels = defense(pixels)
        return tf.ensure_shape((pixels - self.mean) / self.std, x.shape)

    def get_config(self):
        config = {"defenses": [to_json(d) for d in self.defenses], "name": self.name, "trainable": self.trainable}
        return config | {"mean": self.mean.tolist(), "std": self.std.tolist()}
