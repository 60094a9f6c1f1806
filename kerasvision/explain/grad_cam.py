"""Grad-CAM: the channels of a late feature map, weighted by how a target's score rises with each.

"Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (Selvaraju et al. 2016,
arXiv:1610.02391, equations 1 and 2). The paper's score is a class's logit; here it is that of any target.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.graphs import feature_maps, layer_of
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer
from kerasvision.ops import volumes
from kerasvision.tasks.targets import as_float


@explainers.register("grad_cam")
@dataclasses.dataclass(frozen=True)
class GradCam(Explainer):
    """layer: whose output [B, h, w, C] (of volumes [B, d, h, w, C]) is looked at; "" is the one that the family's
    targets name, else the last with more than one position. One graph, two passes: fast, and as coarse as the layer.
    What speaks against the target is 0.
    """

    layer: str = ""

    def heat(self, model, prepared, target):
        inner = keras.Model(model.graph.input, [self._map(model), target.tensors(model.graph)])
        inputs = model.normalized(tf.cast(prepared, tf.float32)[None])
        with tf.GradientTape() as tape:
            tape.watch(inputs)  # what depends on it is recorded, also where all weights are frozen
            seen, found = inner(inputs, training=False)
            score = target.score(as_float(found))[0]
        slope = tape.gradient(score, seen)
        if slope is None:
            raise UsageError(f"grad_cam: the score of this target does not depend on layer {self.layer!r}")
        weights = tf.reduce_mean(slope, tuple(range(1, slope.shape.rank - 1)), keepdims=True)  # equation 1
        heat = tf.nn.relu(tf.reduce_sum(weights * seen, -1, keepdims=True))  # equation 2
        size = prepared.shape[:-1]
        larger = tf.image.resize(heat, size) if len(size) == 2 else volumes.resize(heat, size)
        return larger[0, ..., 0].numpy()

    def _map(self, model):
        """The Keras tensor that is looked at."""
        maps = {layer_of(tensor).name: tensor for tensor in feature_maps(model.graph)}
        chosen = maps.get(self.layer) if self.layer else model.arch.targets().feature_map(model.graph)
        if chosen is None:
            raise UsageError(
                f"grad_cam: no layer {self.layer!r} that gives a feature map; {close_matches(self.layer, maps)}"
            )
        return chosen
