"""Feature Pyramid Network: "Feature Pyramid Networks for Object Detection" (Lin et al. 2016, arXiv:1612.03144,
section 3), with the coarser levels of "Focal Loss for Dense Object Detection" (Lin et al. 2017, arXiv:1708.02002).

Differs from the papers in its batch normalization (`normalize=False` leaves it out), and P6 is made of P5, not C5.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.registry import necks
from kerasvision.necks.base import Neck, convolve, enlarge


@necks.register("fpn")
@dataclasses.dataclass(frozen=True)
class FPN(Neck):
    """1x1 laterals, sums from coarse to fine, a 3x3 convolution a level; no activation.

    coarse: how levels beyond the backbone's are made of the one before: `conv`, a 3x3 convolution of stride 2, after a
    ReLU from the second on (RetinaNet); `pool`, every second feature (Faster R-CNN).
    """

    width: int = 256
    first: int = 3
    last: int = 7
    coarse: typing.Literal["conv", "pool"] = "conv"
    normalize: bool = True

    def __call__(self, levels):
        inputs = self.inputs(levels)
        top = max(inputs)
        x, pyramid = None, {}
        for k in sorted(inputs, reverse=True):
            lateral = convolve(inputs[k], self.width, 1, 1, f"neck_lateral{k}", normalize=self.normalize)
            if x is not None:
                lateral = keras.layers.Add(name=f"neck_add{k}")([lateral, enlarge(x, lateral, f"neck_down{k}")])
            x = lateral
            pyramid[f"p{k}"] = convolve(x, self.width, 3, 1, f"neck_p{k}", normalize=self.normalize)
        x = pyramid[f"p{top}"]
        for k in range(top + 1, self.last + 1):
            x = pyramid[f"p{k}"] = self._coarser(x, k, relu=k > top + 1)
        return dict(sorted(pyramid.items()))

    def _coarser(self, x, k, relu):
        if self.coarse == "pool":
            return keras.layers.MaxPooling2D(1, 2, padding="same", name=f"neck_p{k}_pool")(x)
        if relu:
            x = keras.layers.ReLU(name=f"neck_p{k}_relu")(x)
        return convolve(x, self.width, 3, 2, f"neck_p{k}", normalize=self.normalize)
