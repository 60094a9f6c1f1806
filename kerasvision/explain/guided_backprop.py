"""Guided backpropagation: slopes that pass a ReLU only where both its input and what comes back are above 0.

"Striving for Simplicity: The All Convolutional Net" (Springenberg, Dosovitskiy, Brox, Riedmiller 2014, arXiv:1412.6806,
section 3.4). A picture of edges: "Sanity Checks for Saliency Maps" (Adebayo et al. 2018, arXiv:1810.03292) found it
hardly changed by random weights, which `explain --judge` measures.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer, found_slope

_GUIDED = "KerasVisionGuided"
_RECTIFIERS = ("Relu", "Relu6")


@explainers.register("guided_backprop")
@dataclasses.dataclass(frozen=True)
class GuidedBackprop(Explainer):
    """The largest of a pixel's channels, below 0 where all of them are. One pass forth and back, of a network with ReLU
    or ReLU6.
    """

    def heat(self, model, prepared, target):
        return guided_slope(model, prepared, target).max(-1)


def guided_slope(model, prepared, target):
    """[*size, C] -> the guided slope of a target's score by each value, float32.

    The graph is traced with other derivatives of its ReLUs; the model itself and its layers stay as they are. Raises
    UsageError of a graph without any, whose guided slope would be the plain one.
    """
    guided = []

    def traced(inputs):
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map({name: f"{_GUIDED}{name}" for name in _RECTIFIERS}):
            score = model.score(inputs, target)
        guided.extend(operation for operation in graph.get_operations() if operation.type in _RECTIFIERS)
        return found_slope(tf.gradients(score, inputs)[0])

    given = tf.constant(np.asarray(prepared, np.float32)[None])
    slope = tf.function(traced, autograph=False)(given)
    if not guided:
        raise UsageError(
            f"guided_backprop: {model.arch.registered_name} has no ReLU here, so this is the plain slope; ask saliency"
        )
    return slope[0].numpy()


def _guide(name, most):
    """The derivative of a rectifier that gives 0 to `most`, of which nothing below 0 comes back."""

    @tf.RegisterGradient(f"{_GUIDED}{name}")
    def guided(operation, slope):
        output = operation.outputs[0]
        return tf.where((slope > 0) & (output > 0) & (output < most), slope, tf.zeros_like(slope))

    return guided


_guide("Relu", float("inf"))
_guide("Relu6", 6.0)
