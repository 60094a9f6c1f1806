"""Grad-CAM: the channels of a late feature map, weighted by how a target's score rises with each.

"Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (Selvaraju et al. 2016,
arXiv:1610.02391, equations 1 and 2). The paper's score is a class's logit; here it is that of any target. Of one that
stands somewhere (a box, a region) each position has its own weights, as in "Use HiResCAM instead of Grad-CAM for
faithful explanations of convolutional neural networks" (Draelos, Carin 2020, arXiv:2011.08891, section 3.3): their mean
over all positions, equation 1, forgets where, and puts heat on places that have no part in the score.
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer
from kerasvision.ops import volumes
from kerasvision.ops.graphs import feature_maps
from kerasvision.ops.internals import made_by
from kerasvision.tasks.targets import as_float


@explainers.register("grad_cam")
@dataclasses.dataclass(frozen=True)
class GradCam(Explainer):
    """layer: whose output [B, h, w, C] (of volumes [B, d, h, w, C]) is looked at; "" is the last that has a part in the
    score, of those that the family's targets name. One graph, two passes: fast, and as coarse as the layer. What speaks
    against the target is 0.
    """

    layer: str = ""

    def heat(self, model, prepared, target):
        maps = self._maps(model)
        inputs = tf.cast(prepared, tf.float32)[None]
        with tf.GradientTape() as tape:
            tape.watch(inputs)  # what depends on it is recorded, also where all weights are frozen
            seen, found = model.values(inputs, [maps, target.tensors(model.graph)])
            score = target.score(as_float(found))[0]
        slopes = zip(seen, tape.gradient(score, seen), strict=True)
        with_part = [(own, slope) for own, slope in slopes if slope is not None]
        if not with_part:
            raise UsageError(f"grad_cam: layer {self.layer!r} has no part in the score of this target; name another")
        own, slope = with_part[-1]
        is_somewhere = target.region is not None
        every = tuple(range(1, slope.shape.rank - 1))
        weights = slope if is_somewhere else tf.reduce_mean(slope, every, keepdims=True)  # equation 1
        heat = tf.nn.relu(tf.reduce_sum(weights * own, -1, keepdims=True))  # equation 2
        size = prepared.shape[:-1]
        larger = tf.image.resize(heat, size) if len(size) == 2 else volumes.resize(heat, size)
        return larger[0, ..., 0].numpy()

    def _maps(self, model):
        """Keras tensors, of which the last with a part in the score is looked at."""
        there = [tensor for tensor in feature_maps(model.graph) if model.has(tensor)]
        named = {made_by(tensor).name: tensor for tensor in there}
        if self.layer and self.layer in named:
            return [named[self.layer]]
        chosen = [] if self.layer else model.arch.targets().feature_maps(model.graph)
        if not (maps := [tensor for tensor in chosen if model.has(tensor)]):
            raise UsageError(
                f"grad_cam: no layer {self.layer!r} that gives a feature map; {close_matches(self.layer, named)}"
            )
        return maps
