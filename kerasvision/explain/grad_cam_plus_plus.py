"""Grad-CAM++: Grad-CAM whose channels are weighed by those positions alone at which they speak for the target.

"Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks" (Chattopadhyay, Sarkar, Howlader,
Balasubramanian 2017, arXiv:1710.11063, equations 5, 9 and 19, of the exponential of a score). As in the authors' code
the weights of a channel's positions, alpha, add up to 1, which the paper does not write; exp(score) is a factor of all.
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer
from kerasvision.explain.features import features_and_slope
from kerasvision.ops.heat import enlarged


@explainers.register("grad_cam_plus_plus")
@dataclasses.dataclass(frozen=True)
class GradCamPlusPlus(Explainer):
    """layer: as of `grad_cam`, whose weights are means: of several objects of one class this covers more."""

    layer: str = ""

    def heat(self, model, prepared, target):
        own, slope = features_and_slope(model, prepared, target, self)
        every = tuple(range(1, slope.shape.rank - 1))
        sums = tf.reduce_sum(own, every, keepdims=True)
        # equation 19 without the square of the slope above and below
        alpha = tf.where(slope != 0, tf.math.divide_no_nan(1.0, 2.0 + sums * slope), 0.0)
        alpha = tf.math.divide_no_nan(alpha, tf.reduce_sum(alpha, every, keepdims=True))
        weights = tf.reduce_sum(alpha * tf.nn.relu(slope), every, keepdims=True)  # equation 5
        heat = tf.nn.relu(tf.reduce_sum(weights * own, -1, keepdims=True))  # equation 9
        return enlarged(heat, prepared.shape[:-1])[0, ..., 0].numpy()
