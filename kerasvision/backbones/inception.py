"""Inception-v3: "Rethinking the Inception Architecture for Computer Vision" (Szegedy et al. 2015, arXiv:1512.00567).
Layers and weights of `keras.applications`.
"""

import dataclasses
import re
import typing

import tf_keras as keras

from kerasvision.backbones import _flat
from kerasvision.backbones._applications import Application
from kerasvision.backbones.base import Normalization
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import Attention


@backbones.register("inception")
@dataclasses.dataclass(frozen=True)
class Inception(Application):
    """Levels c1 ... c5.

    padding: the published network pads nowhere in its stem and reductions ("valid"), so its levels are smaller than
    the image's size over their stride, and images must have at least 75 px. "same" pads there, which makes the strides
    exact and changes features near the border only; the weights fit both.
    attention: `se`, `eca` and `cbam` stand behind each module (arXiv:1709.01507, figure 2), `non_local` and
    `self_attention` behind c5. Such layers start fresh beside ImageNet weights.
    """

    padding: typing.Literal["same", "valid"] = "same"
    attention: Attention = "none"
    weights: str | None = None

    @property
    def normalization(self):
        return Normalization()

    def published(self, weights, input_shape):
        shape = (None, None, 3) if self.padding == "same" else input_shape
        return keras.applications.InceptionV3(include_top=False, weights=weights, input_shape=shape)

    def branches(self, names):
        return [n for n in names if re.fullmatch(r"mixed\d+", n)]

    def ends(self, names):
        return {"c1": "activation_2", "c2": "activation_4", "c3": "mixed2", "c4": "mixed7", "c5": "mixed10"}

    def exchange(self, layer, name):
        fresh = _flat.clone(layer, name)
        if self.padding == "same" and hasattr(layer, "padding"):
            return type(layer).from_config(fresh.get_config() | {"padding": "same"})
        return fresh
