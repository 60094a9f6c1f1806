"""Bi-directional feature pyramid: "EfficientDet: Scalable and Efficient Object Detection" (Tan et al. 2019,
arXiv:1911.09070, section 3).

The depthwise separable convolutions are written as two layers, which quantization-aware training knows. `fusion="sum"`
drops the learned weights, as EfficientDet-Lite does: then it takes the whole neck, while it computes weighted sums in
float; calibrated int8 is integer throughout with both. One lateral convolution serves both ways of a level.
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import necks
from kerasvision.necks.base import Activation, Neck, activate, convolve, enlarge


@keras.utils.register_keras_serializable("kerasvision")
class FastNormalizedFusion(keras.layers.Layer):
    """sum_i w_i x_i / (epsilon + sum_j w_j), w = relu(learned), 1 at first: arXiv:1911.09070, section 3.3."""

    quantize_output_only = True
    epsilon = 1e-4

    def build(self, input_shape):
        self.fusion = self.add_weight("fusion", shape=(len(input_shape),), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        weights = tf.nn.relu(self.fusion)
        weights = tf.unstack(weights / (self.epsilon + tf.reduce_sum(weights)))
        first, *others = (x * w for x, w in zip(inputs, weights, strict=True))
        for x in others:  # not add_n, which TFLite has in float only
            first += x
        return first


@necks.register("bifpn")
@dataclasses.dataclass(frozen=True)
class BiFPN(Neck):
    """`repeats` times from coarse to fine and back.

    fusion: `weighted`, fast normalized fusion; `sum`, plain sums. Levels beyond the backbone's are the one
    before, 3x3 max-pooled with stride 2.
    """

    width: int = 64
    first: int = 3
    last: int = 7
    repeats: int = 3
    fusion: typing.Literal["weighted", "sum"] = "weighted"
    activation: Activation = "swish"

    def __call__(self, levels):
        inputs = self.inputs(levels)
        x = {k: convolve(c, self.width, 1, 1, f"neck_lateral{k}") for k, c in inputs.items()}
        for k in range(max(inputs) + 1, self.last + 1):
            x[k] = _shrink(x[k - 1], f"neck_coarse{k}")
        for i in range(self.repeats):
            x = self._there_and_back(x, f"neck_cell{i}")
        return {f"p{k}": x[k] for k in range(self.first, self.last + 1)}

    def _there_and_back(self, x, name):
        """arXiv:1911.09070, figure 2d: a node with a single input is left out."""
        down = {self.last: x[self.last]}
        for k in range(self.last - 1, self.first - 1, -1):
            coarse = enlarge(down[k + 1], x[k], f"{name}_down{k}")
            down[k] = self._node([x[k], coarse], f"{name}_down{k}")
        up = {self.first: down[self.first]}
        for k in range(self.first + 1, self.last + 1):
            fine = _shrink(up[k - 1], f"{name}_up{k}")
            middle = [down[k]] if k < self.last else []
            up[k] = self._node([x[k], *middle, fine], f"{name}_up{k}")
        return up

    def _node(self, inputs, name):
        if self.fusion == "weighted":
            x = FastNormalizedFusion(name=f"{name}_fuse")(inputs)
        else:
            x, *others = inputs
            for i, other in enumerate(others):  # in pairs: a sum inside of a sum would have no quantizer of its own
                x = keras.layers.Add(name=f"{name}_fuse{i}")([x, other])
        x = activate(x, self.activation, f"{name}_{self.activation}")
        x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        return convolve(x, self.width, 1, 1, name)


def _shrink(x, name):
    return keras.layers.MaxPooling2D(3, 2, padding="same", name=f"{name}_pool")(x)
