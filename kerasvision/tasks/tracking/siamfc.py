"""A fully convolutional Siamese network that finds one object again, whatever it is.

"Fully-Convolutional Siamese Networks for Object Tracking" (Bertinetto et al. 2016, arXiv:1606.09549): the features of
what is remembered are correlated with those of a window around where it was. Each channel by itself, as in SiamRPN++
(Li et al. 2018, arXiv:1812.11703), and a box is regressed at each position, as in SiamFC++ (Xu et al. 2019,
arXiv:1911.06188), in place of the pyramid of scales; whether the object is there at all is an answer of its own.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.layers.correlation import DepthwiseCorrelation
from kerasvision.layers.norm import batch_norm
from kerasvision.losses.detection import smooth_l1
from kerasvision.ops.graphs import made_of
from kerasvision.ops.internals import called_with
from kerasvision.tasks.tracking._siamese import OBJECT_PX, Siamese, inner, mean_over_positions


@architectures.register("tracking/siamfc")
@dataclasses.dataclass(frozen=True)
class SiamFC(Siamese):
    """Fields: those of `Siamese`. Raw `boxes`: how far the middle is from the position, in strides, and the logarithms
    of the sides over 32 pixels.
    """

    def build(self):
        images, search, exemplar = self.features()
        x = DepthwiseCorrelation(name="correlation")([search, exemplar])
        x = keras.layers.Conv2D(self.width, 1, use_bias=False, kernel_initializer="he_normal", name="head_conv")(x)
        x = keras.layers.ReLU(name="head_relu")(batch_norm("head_bn")(x))
        response = keras.layers.Conv2D(1, 1, name="response")(x)
        best = keras.layers.GlobalMaxPooling2D(name="best")(x)
        raw = {
            "response": keras.layers.Reshape((self.positions, self.positions), name="responses")(response),
            "boxes": keras.layers.Conv2D(4, 1, name="boxes")(x),
            "presence": keras.layers.Dense(1, name="presence")(best),
        }
        return keras.Model(images, raw, name="siamfc")

    def compared_in(self, graph):
        correlated = next(t for t in made_of(graph) if isinstance(inner(t), DepthwiseCorrelation))
        return tuple(called_with(correlated))

    def relative(self, coded):
        return coded[:, :2] * self.stride, OBJECT_PX * tf.exp(tf.clip_by_value(coded[:, 2:], -2.0, 2.0))

    def encode(self, sample):
        """Positions within a stride of the object's center, or a quarter of its side, are of it."""
        apart, size = self.seen_from_positions(sample)
        reach = tf.maximum(0.25 * size, float(self.stride))
        found = tf.reduce_all(tf.abs(apart) < reach, -1) & (sample["present"] > 0)
        sizes = tf.broadcast_to(tf.math.log(size / OBJECT_PX), tf.shape(apart))
        return {
            "response": tf.cast(found, tf.float32),
            "boxes": tf.concat([apart / self.stride, sizes], -1),
            "presence": tf.cast(tf.reduce_any(found), tf.float32)[None],
        }

    def loss(self, targets, raw):
        """`response` weighs positions of the object and others alike; `boxes` looks at the first alone."""
        found = targets["response"]
        each = tf.nn.sigmoid_cross_entropy_with_logits(found, raw["response"])
        there = tf.nn.sigmoid_cross_entropy_with_logits(targets["presence"], raw["presence"])
        of_it, beside = mean_over_positions(each, found), mean_over_positions(each, 1.0 - found)
        return {
            "response": (of_it + beside) / 2.0,
            "boxes": mean_over_positions(smooth_l1(targets["boxes"], raw["boxes"], 0.1), found),
            "presence": tf.reduce_mean(there, -1),
        }
