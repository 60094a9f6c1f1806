"""DenseNet: "Densely Connected Convolutional Networks" (Huang, Liu, van der Maaten, Weinberger 2016,
arXiv:1608.06993). Layers and weights of `keras.applications`.
"""

import dataclasses
import re
import typing

import tf_keras as keras

from kerasvision.backbones._applications import IMAGENET, Application
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import Attention


@backbones.register("densenet")
@dataclasses.dataclass(frozen=True)
class DenseNet(Application):
    """Levels c1 ... c5, each after the activation that closes a dense block. Images of at least 32 px.

    attention: `se`, `eca` and `cbam` multiply what each layer adds to its dense block, before it is concatenated, as
    they do a residual branch before the addition; `non_local` and `self_attention` stand behind c5. Such layers start
    fresh beside ImageNet weights.
    """

    depth: typing.Literal[121, 169, 201] = 121
    attention: Attention = "none"
    weights: str | None = None

    @property
    def normalization(self):
        return IMAGENET

    def published(self, weights, input_shape):
        build = getattr(keras.applications, f"DenseNet{self.depth}")
        return build(include_top=False, weights=weights, input_shape=input_shape)

    def branches(self, names):
        return [n for n in names if re.fullmatch(r"conv\d_block\d+_2_conv", n)]

    def ends(self, names):
        return {"c1": "conv1_relu", "c2": "pool2_relu", "c3": "pool3_relu", "c4": "pool4_relu", "c5": "relu"}
