"""EfficientNet B0 to B7: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (Tan, Le 2019,
arXiv:1905.11946); V2: "EfficientNetV2: Smaller Models and Faster Training" (Tan, Le 2021, arXiv:2104.00298). Layers
and weights of `keras.applications`.
"""

import dataclasses
import re
import typing

import tf_keras as keras

from kerasvision.backbones._applications import IMAGENET, Application, last
from kerasvision.backbones.base import Normalization
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import Attention


@backbones.register("efficientnet")
@dataclasses.dataclass(frozen=True)
class EfficientNet(Application):
    """Levels c1 ... c5, and `head`: the last 1x1 convolution at c5's stride. Images of at least 32 px.

    attention: beside the squeeze-and-excitation that the published blocks have after their depthwise convolution; `se`,
    `eca` and `cbam` stand in each block behind its projection, before the addition (arXiv:1910.03151, section 4.2);
    `non_local` and `self_attention` behind c5. Such layers start fresh beside ImageNet weights.
    """

    variant: typing.Literal[
        "b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7",
        "v2_b0", "v2_b1", "v2_b2", "v2_b3", "v2_s", "v2_m", "v2_l",
    ] = "b0"  # fmt: skip
    attention: Attention = "none"
    weights: str | None = None

    @property
    def normalization(self):
        if self.variant in ("v2_s", "v2_m", "v2_l"):
            return Normalization(mean=(128.0,), std=(128.0,))
        return IMAGENET

    def published(self, weights, input_shape):
        build = getattr(keras.applications, "EfficientNet" + self.variant.upper().replace("_", ""))
        return build(include_top=False, weights=weights, input_shape=input_shape)

    def branches(self, names):
        found = [m for n in names if (m := re.fullmatch(r"(block\d+[a-z]+)_project_(bn|activation)", n))]
        return list({m[1]: m[0] for m in found}.values())  # where a projection is activated, behind that

    def ends(self, names):
        final = "block7" if any(n.startswith("block7") for n in names) else "block6"
        blocks = {"c1": "block1", "c2": "block2", "c3": "block3", "c4": "block5", "c5": final}
        return {level: last(names, block) for level, block in blocks.items()} | {"head": "top_activation"}
