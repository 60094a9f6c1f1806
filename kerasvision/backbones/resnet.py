"""ResNet: "Deep Residual Learning for Image Recognition" (He, Zhang, Ren, Sun 2015, arXiv:1512.03385), and version 2,
"Identity Mappings in Deep Residual Networks" (the same 2016, arXiv:1603.05027): normalization and ReLU come before
each convolution. Layers and weights of `keras.applications`.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.backbones._applications import Application
from kerasvision.backbones.base import Normalization
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import Attention, gate, non_local, self_attention
from kerasvision.layers.drop_path import drop_path, linear_rates

_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


@backbones.register("resnet")
@dataclasses.dataclass(frozen=True)
class ResNet(Application):
    """Levels c1 ... c5. Version 2 strides in the last block of a stage, so its levels end inside that block, after
    the activation that the strided convolution sees. Images of at least 32 px.

    attention: `se`, `eca` and `cbam` stand in each block before the addition; `non_local` before the last block of c4
    (arXiv:1711.07971, section 4.1), `self_attention` in place of the 3x3 convolutions of c5, with relative positions
    (arXiv:2101.11605, section 3), so image_size must be fixed. Such layers start fresh beside ImageNet weights.
    drop_path: largest rate of stochastic depth, at the last block.
    """

    depth: typing.Literal[50, 101, 152] = 50
    version: typing.Literal[1, 2] = 1
    attention: Attention = "none"
    drop_path: float = 0.0
    weights: str | None = None

    @property
    def normalization(self):
        """Version 1 was converted from Caffe: BGR, the means subtracted, no scale."""
        if self.version == 1:
            return Normalization(mean=(123.68, 116.779, 103.939), std=(1.0,), channels="bgr")
        return Normalization()

    def published(self, weights, input_shape):
        suffix = "V2" if self.version == 2 else ""
        build = getattr(keras.applications, f"ResNet{self.depth}{suffix}")
        return build(include_top=False, weights=weights, input_shape=input_shape)

    def attended(self, names):
        return []  # `exchange` puts it where the papers, which are about residual networks, have it

    def exchange(self, layer, name):
        """The published layer; with the options, a function that applies it and what they add."""
        fresh, block = super().exchange(layer, name), name.rsplit("_", 1)[0]
        if isinstance(layer, keras.layers.Add):
            fresh = self._addition(fresh, block)
        if self.attention == "non_local" and name == f"backbone_conv4_block{_BLOCKS[self.depth][2] - 1}_out":
            return lambda x: non_local(fresh(x), f"{block}_attention")
        if self.attention == "self_attention" and name.startswith("backbone_conv5_"):
            if name.endswith("_2_pad"):
                return None
            if name.endswith("_2_conv"):
                return lambda x: self_attention(x, layer.filters, f"{name}_attention")
        return fresh

    def _addition(self, add, block):
        """The published addition, of a shortcut and the branch."""
        number = self._numbers().index(block)
        rate = linear_rates(self.drop_path, sum(_BLOCKS[self.depth]))[number]

        def added(both):
            shortcut, branch = both
            branch = gate(branch, self.attention, f"{block}_attention")
            return add([shortcut, drop_path(branch, rate, f"{block}_drop")])

        return added

    def _numbers(self):
        return [f"backbone_conv{s + 2}_block{b + 1}" for s, n in enumerate(_BLOCKS[self.depth]) for b in range(n)]

    def ends(self, names):
        blocks = _BLOCKS[self.depth]
        if self.version == 1:
            return {"c1": "conv1_relu"} | {f"c{s}": f"conv{s}_block{blocks[s - 2]}_out" for s in (2, 3, 4, 5)}
        inner = {f"c{s}": f"conv{s}_block{blocks[s - 2]}_preact_relu" for s in (2, 3, 4)}
        return {"c1": "conv1_conv"} | inner | {"c5": "post_relu"}
