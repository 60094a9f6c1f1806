"""Color taken away within a graph, so that whatever calls it sees gray pictures alike."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.ops.color import LUMA


@keras.utils.register_keras_serializable("kerasvision")
class Gray(keras.layers.Layer):
    """Normalized pixels [B, H, W, 3] -> the same of gray pictures: all three channels have the pixel's luma.

    mean, std, channels: what pixels were normalized by, as of `backbones.base.Normalization`.
    """

    quantize_output_only = True

    def __init__(self, mean, std, channels="rgb", name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.mean, self.std, self.channels = tuple(mean), tuple(std), channels

    def call(self, x):
        mean, std = (np.broadcast_to(np.float64(v), 3) for v in (self.mean, self.std))
        luma = np.float64(LUMA)
        if self.channels == "bgr":
            mean, std, luma = mean[::-1], std[::-1], luma[::-1]
        kernel = (luma * std)[:, None] / std[None]  # of one channel in another
        shift = (luma @ mean - mean) / std
        return tf.nn.conv2d(x, tf.constant(kernel[None, None], x.dtype), 1, "VALID") + tf.constant(shift, x.dtype)

    def get_config(self):
        return super().get_config() | {"mean": self.mean, "std": self.std, "channels": self.channels}
