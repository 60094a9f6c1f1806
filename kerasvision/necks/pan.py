"""Path Aggregation Network: "Path Aggregation Network for Instance Segmentation" (Liu et al. 2018, arXiv:1803.01534,
section 3.1): a feature pyramid from coarse to fine, then a second one from fine to coarse.

`fuse="concat"` is the form of YOLOv4 and after (Bochkovskiy et al. 2020, arXiv:2004.10934, figure 6): levels are
concatenated, and a cross-stage block (CSPNet, arXiv:1911.11929) of `depth` bottlenecks mixes them.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.registry import necks
from kerasvision.necks.base import Activation, Neck, convolve, enlarge


@necks.register("pan")
@dataclasses.dataclass(frozen=True)
class PAN(Neck):
    """fuse: `concat`, with `depth` bottlenecks a node; `add`, with one 3x3 convolution a node, as the paper has it.

    Levels beyond the backbone's are 3x3 convolutions of stride 2 of the one before, and take part in both ways.
    """

    width: int = 128
    first: int = 3
    last: int = 5
    fuse: typing.Literal["concat", "add"] = "concat"
    depth: int = 1
    activation: Activation = "swish"

    def __call__(self, levels):
        inputs = self.inputs(levels)
        lateral = {k: self._conv(x, 1, 1, f"neck_lateral{k}") for k, x in inputs.items()}
        for k in range(max(inputs) + 1, self.last + 1):
            lateral[k] = self._conv(lateral[k - 1], 3, 2, f"neck_lateral{k}")
        down = {self.last: lateral[self.last]}
        for k in range(self.last - 1, self.first - 1, -1):
            coarse = enlarge(down[k + 1], lateral[k], f"neck_down{k}")
            down[k] = self._node([lateral[k], coarse], f"neck_down{k}")
        up = {self.first: down[self.first]}
        for k in range(self.first + 1, self.last + 1):
            fine = self._conv(up[k - 1], 3, 2, f"neck_up{k}_stride")
            up[k] = self._node([down[k], fine], f"neck_up{k}")
        return {f"p{k}": x for k, x in up.items()}

    def _conv(self, x, kernel, stride, name, width=None):
        return convolve(x, width or self.width, kernel, stride, name, self.activation)

    def _node(self, pair, name):
        if self.fuse == "add":
            x = keras.layers.Add(name=f"{name}_add")(pair)
            return self._conv(x, 3, 1, name)
        x = keras.layers.Concatenate(name=f"{name}_concat")(pair)
        half = max(self.width // 2, 1)
        inner, around = (self._conv(x, 1, 1, f"{name}_{part}", half) for part in ("inner", "around"))
        for i in range(self.depth):
            inner = self._conv(inner, 1, 1, f"{name}_block{i}_1", half)
            inner = self._conv(inner, 3, 1, f"{name}_block{i}_2", half)
        x = keras.layers.Concatenate(name=f"{name}_merge")([inner, around])
        return self._conv(x, 1, 1, f"{name}_out")
