"""DenseNet: "Densely Connected Convolutional Networks" (Huang, Liu, van der Maaten, Weinberger 2016,
arXiv:1608.06993). Layers and weights of `keras.applications`.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.backbones._applications import IMAGENET, Application
from kerasvision.core.registry import backbones


@backbones.register("densenet")
@dataclasses.dataclass(frozen=True)
class DenseNet(Application):
    """Levels c1 ... c5, each after the activation that closes a dense block. Images of at least 32 px."""

    depth: typing.Literal[121, 169, 201] = 121
    weights: str | None = None

    @property
    def normalization(self):
        return IMAGENET

    def published(self, weights, input_shape):
        build = getattr(keras.applications, f"DenseNet{self.depth}")
        return build(include_top=False, weights=weights, input_shape=input_shape)

    def ends(self, names):
        return {"c1": "conv1_relu", "c2": "pool2_relu", "c3": "pool3_relu", "c4": "pool4_relu", "c5": "relu"}
