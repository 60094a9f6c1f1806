"""What a Siamese network compares two feature maps with."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class DepthwiseCorrelation(keras.layers.Layer):
    """[search [B, H, W, C], kernel [B, h, w, C]] -> [B, H - h + 1, W - w + 1, C]: each channel of one correlated with
    the same channel of the other (Li et al. 2018, arXiv:1812.11703, section 3.3), divided by h w.

    Of shifted products, which every runtime has, also where both are activations. In float32 whatever the policy.
    """

    quantize_output_only = True

    def call(self, inputs):
        search, kernel = (tf.cast(x, tf.float32) for x in inputs)
        h, w = kernel.shape[1:3]
        rows, columns = search.shape[1] - h + 1, search.shape[2] - w + 1
        products = [
            search[:, i : i + rows, j : j + columns] * kernel[:, i : i + 1, j : j + 1]
            for i in range(h)
            for j in range(w)
        ]
        return tf.add_n(products) / float(h * w)
