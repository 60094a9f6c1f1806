"""MobileNetV2: "Inverted Residuals and Linear Bottlenecks" (Sandler et al. 2018, arXiv:1801.04381); MobileNetV3:
"Searching for MobileNetV3" (Howard et al. 2019, arXiv:1905.02244). Layers and weights of `keras.applications`.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.backbones import _flat
from kerasvision.backbones._applications import Application, last
from kerasvision.backbones.base import Normalization
from kerasvision.core.registry import backbones
from kerasvision.layers.activation import HardSigmoid
from kerasvision.layers.attention import Attention

# block a level ends with; -1: the stem
_V3_BLOCKS = {
    "v3_small": {"c1": -1, "c2": 0, "c3": 2, "c4": 7, "c5": 10},
    "v3_large": {"c1": 0, "c2": 2, "c3": 5, "c4": 11, "c5": 14},
}
_V2_ENDS = {
    "c1": "expanded_conv_project_BN",
    "c2": "block_2_add",
    "c3": "block_5_add",
    "c4": "block_12_add",
    "c5": "block_16_project_BN",
    "head": "out_relu",
}


@backbones.register("mobilenet")
@dataclasses.dataclass(frozen=True)
class MobileNet(Application):
    """Levels c1 ... c5, and `head`: the last 1x1 convolution at c5's stride. Images of at least 32 px.

    alpha: width multiplier; ImageNet weights exist for v2 with 0.35, 0.5, 0.75, 1.0, 1.3, 1.4 and for v3 with 0.75
    and 1.0. minimalistic: v3 without squeeze-and-excitation, hard swish and 5x5 kernels, for int8 accelerators.
    attention: `se`, `eca` and `cbam` stand in each block behind its projection, before the addition (arXiv:1910.03151,
    section 4.2), beside the squeeze-and-excitation of v3; `non_local` and `self_attention` behind c5. Such layers start
    fresh beside ImageNet weights.
    """

    version: typing.Literal["v2", "v3_small", "v3_large"] = "v2"
    alpha: float = 1.0
    minimalistic: bool = False
    attention: Attention = "none"
    weights: str | None = None

    @property
    def normalization(self):
        return Normalization()

    def published(self, weights, input_shape):
        shared = {"include_top": False, "weights": weights, "input_shape": input_shape, "alpha": self.alpha}
        if self.version == "v2":
            return keras.applications.MobileNetV2(**shared)
        build = {"v3_small": keras.applications.MobileNetV3Small, "v3_large": keras.applications.MobileNetV3Large}
        return build[self.version](minimalistic=self.minimalistic, **shared)

    def branches(self, names):
        return [n for n in names if n.endswith(("_project_BN", "_project_BatchNorm"))]

    def ends(self, names):
        if self.version == "v2":
            return _V2_ENDS
        stem = "re_lu_0" if self.minimalistic else "multiply_0"
        blocks = _V3_BLOCKS[self.version]
        ends = {level: stem if b < 0 else _end_of_block(names, b) for level, b in blocks.items()}
        return ends | {"head": names[-1]}

    def exchange(self, layer, name):
        """V3 writes hard sigmoid as three operations, `relu6(x + 3) * (1 / 6)`, two of them no layers: one layer."""
        if type(layer).__name__ == "TFOpLambda":
            return None
        if self.version != "v2" and isinstance(layer, keras.layers.ReLU) and layer.max_value == 6.0:
            return HardSigmoid(name=name)
        return _flat.clone(layer, name)


def _end_of_block(names, block):
    """The addition of a block, or its projection if it has none."""
    prefix = f"expanded_conv_{block}_" if block else "expanded_conv_"
    return next((n for n in names if n == f"{prefix}Add"), None) or last(names, f"{prefix}project_BatchNorm")
