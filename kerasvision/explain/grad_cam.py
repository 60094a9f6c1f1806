"""Grad-CAM: the channels of a late feature map, weighted by how a class's logit rises with each.

"Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (Selvaraju et al. 2016,
arXiv:1610.02391, equations 1 and 2).
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer


@explainers.register("grad_cam")
@dataclasses.dataclass(frozen=True)
class GradCam(Explainer):
    """layer: whose output [B, h, w, C] is looked at; "" is the last with more than one position. One graph, two
    passes: fast, and as coarse as the layer. What speaks against the class is 0.
    """

    layer: str = ""

    def heat(self, classifier, prepared, index):
        maps = _maps(classifier.graph)
        if not maps or (self.layer and self.layer not in maps):
            raise UsageError(
                f"grad_cam: no layer {self.layer!r} that gives a feature map; {close_matches(self.layer, maps)}"
            )
        layer = maps[self.layer or list(maps)[-1]]
        inner = keras.Model(classifier.graph.input, {"map": layer.output, "logits": classifier.graph.output["logits"]})
        inputs = classifier.normalized(tf.cast(prepared, tf.float32)[None])
        with tf.GradientTape() as tape:
            tape.watch(inputs)  # what depends on it is recorded, also where all weights are frozen
            found = {k: tf.cast(v, tf.float32) for k, v in inner(inputs, training=False).items()}
            logit = found["logits"][0, index]
        weights = tf.reduce_mean(tape.gradient(logit, found["map"]), (1, 2), keepdims=True)  # equation 1
        heat = tf.nn.relu(tf.reduce_sum(weights * found["map"], -1, keepdims=True))  # equation 2
        return tf.image.resize(heat, prepared.shape[:2])[0, ..., 0].numpy()


def _maps(graph):
    """Layer name -> layer, of those that give one feature map with more than one position, in the graph's order."""
    found = {}
    for layer in graph.layers:
        shape = getattr(layer.output, "shape", ())
        if len(shape) == 4 and None not in shape[1:] and shape[1] * shape[2] > 1:
            found[layer.name] = layer
    return found
