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

_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


@backbones.register("resnet")
@dataclasses.dataclass(frozen=True)
class ResNet(Application):
    """Levels c1 ... c5. Version 2 strides in the last block of a stage, so its levels end inside that block, after
    the activation that the strided convolution sees. Images of at least 32 px.
    """

    depth: typing.Literal[50, 101, 152] = 50
    version: typing.Literal[1, 2] = 1
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

    def ends(self, names):
        blocks = _BLOCKS[self.depth]
        if self.version == 1:
            return {"c1": "conv1_relu"} | {f"c{s}": f"conv{s}_block{blocks[s - 2]}_out" for s in (2, 3, 4, 5)}
        inner = {f"c{s}": f"conv{s}_block{blocks[s - 2]}_preact_relu" for s in (2, 3, 4)}
        return {"c1": "conv1_conv"} | inner | {"c5": "post_relu"}
