"""Activations: what a layer or one channel of it gives at each position, whatever the target.

"Understanding Neural Networks Through Deep Visualization" (Yosinski, Clune, Nguyen, Fuchs, Lipson 2015,
arXiv:1506.06579, section 2).
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer
from kerasvision.explain.features import features_and_slope
from kerasvision.ops.heat import enlarged


@explainers.register("activations")
@dataclasses.dataclass(frozen=True)
class Activations(Explainer):
    """layer: as of `grad_cam`. channel: from 0; -1: the mean size of all."""

    layer: str = ""
    channel: int = -1

    def heat(self, model, prepared, target):
        own, _ = features_and_slope(model, prepared, target, self)
        count = own.shape[-1]
        if not -1 <= self.channel < count:
            raise UsageError(f"activations.channel={self.channel}; the layer has 0 to {count - 1}, and -1 is all")
        one = tf.reduce_mean(tf.abs(own), -1) if self.channel < 0 else own[..., self.channel]
        return enlarged(one[..., None], prepared.shape[:-1])[0, ..., 0].numpy()
