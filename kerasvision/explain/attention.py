"""Attention: which positions the others look at in a layer of attention, whatever the target.

The weights of "Attention Is All You Need" (Vaswani et al. 2017, arXiv:1706.03762, equation 1), as its figure 3 shows
them; here their mean over heads and over the positions that look. "Attention is not Explanation" (Jain, Wallace 2019,
arXiv:1902.10186) says why this is no slope of anything.
"""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer
from kerasvision.ops.graphs import made_of
from kerasvision.ops.heat import enlarged
from kerasvision.ops.internals import called_with, made_by


@explainers.register("attention")
@dataclasses.dataclass(frozen=True)
class Attention(Explainer):
    """layer: of attention; "" is the last. Of a run or a SavedModel: a .tflite has no such layer, but its operators."""

    layer: str = ""

    def heat(self, model, prepared, target):
        found = {made_by(tensor).name: tensor for tensor in made_of(model.graph) if _looks(_own(made_by(tensor)))}
        name = model.arch.registered_name
        if model.file is not None:
            raise UsageError("attention: a file holds operators and no layer of attention; ask the run or a SavedModel")
        if not found:
            raise UsageError(f"attention: {name} has no layer of attention here; ask grad_cam, occlusion, rise")
        if self.layer and self.layer not in found:
            raise UsageError(f"attention: no layer {self.layer!r} of attention; {close_matches(self.layer, found)}")
        tensor = found[self.layer or list(found)[-1]]
        values = model.values(prepared[None], called_with(tensor))
        layer = _own(made_by(tensor))
        if isinstance(layer, keras.layers.MultiHeadAttention):
            _, weights = layer(*values, return_attention_scores=True)
        else:
            weights = layer.looks_at(values)
        seen = tf.reduce_mean(weights, (1, 2))[0].numpy()
        return enlarged(seen.reshape(1, *_sides(seen.size, prepared.shape[:-1]), 1), prepared.shape[:-1])[
            0, ..., 0
        ].numpy()


def _own(layer):
    """A layer without the wrapper of quantization-aware training."""
    return getattr(layer, "layer", layer)


def _looks(layer):
    return hasattr(layer, "looks_at") or isinstance(layer, keras.layers.MultiHeadAttention)


def _sides(count, size):
    """Rows and columns of a row of positions that stand for an image of a size."""
    height = max(1, round(np.sqrt(count * size[0] / size[1])))
    if count % height:
        raise UsageError(f"attention: {count} positions are no map of an input of {size[0]} x {size[1]}")
    return height, count // height
