"""Feature extraction: only what is not the backbone learns.

"CNN Features off-the-shelf: an Astounding Baseline for Recognition" (Razavian, Azizpour, Sullivan, Carlsson 2014,
arXiv:1403.6382), with the model's own head in place of the paper's SVM.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import techniques
from kerasvision.ops.internals import unquantized_name
from kerasvision.train.techniques.base import Technique


@techniques.register("freeze")
@dataclasses.dataclass(frozen=True)
class Freeze(Technique):
    """Layers whose names start with `prefix` keep their weights, and their batch normalizations keep their statistics.

    (A Keras batch normalization that is not trainable runs in inference mode.)
    """

    prefix: str = "backbone_"

    def start(self, arch, graph):
        # qat may have wrapped layers in an earlier phase
        held = [layer for layer in graph.layers if unquantized_name(layer.name).startswith(self.prefix)]
        if not any(layer.weights for layer in held):
            starts = sorted({layer.name.split("_")[0] for layer in graph.layers if layer.weights})
            raise KerasVisionError(
                f"freeze.prefix={self.prefix!r}: no layer with weights has such a name; theirs begin with "
                f"{', '.join(starts)}"
            )
        freeze_layers(held)


def freeze_layers(layers):
    """Make layers untrainable; input layers have nothing to freeze."""
    for layer in layers:
        if not isinstance(layer, keras.layers.InputLayer):
            layer.trainable = False
