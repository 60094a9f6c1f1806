"""CSPDarknet: "CSPNet: A New Backbone that can Enhance Learning Capability of CNN" (Wang et al. 2019,
arXiv:1911.11929) in the form of YOLOX (Ge et al. 2021, arXiv:2107.08430).

The network and the weights of keras-cv's `CSPDarkNetBackbone`, laid flat: there every convolution is a nested model.
Its focus (four pixel phases stacked, then a 3x3 convolution) is the 6x6 convolution of stride 2 that it equals on
images of even size; the kernels are rearranged when weights are loaded.
"""

import dataclasses
import typing

import numpy as np
import tf_keras as keras

from kerasvision.backbones._applications import fetch
from kerasvision.backbones.base import Backbone, Normalization
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import Attention, gate, look_around
from kerasvision.layers.norm import batch_norm

_VARIANTS = {
    "tiny": ((48, 96, 192, 384), (1, 3, 3, 1)),
    "s": ((64, 128, 256, 512), (1, 3, 3, 1)),
    "m": ((96, 192, 384, 768), (2, 6, 6, 2)),
    "l": ((128, 256, 512, 1024), (3, 9, 9, 3)),
    "xl": ((170, 340, 680, 1360), (4, 12, 12, 4)),
}


@backbones.register("csp_darknet")
@dataclasses.dataclass(frozen=True)
class CSPDarknet(Backbone):
    """Levels c1 ... c5. ImageNet weights exist for the sizes "tiny" and "l".

    attention: `se`, `eca` and `cbam` stand in each bottleneck behind its 3x3 convolution, before the addition,
    `non_local` and `self_attention` behind c5. Such layers start fresh beside ImageNet weights.
    """

    size: typing.Literal["tiny", "s", "m", "l", "xl"] = "tiny"
    attention: Attention = "none"
    weights: str | None = None

    @property
    def normalization(self):
        return Normalization(mean=(0.0,), std=(255.0,))

    def __call__(self, x):
        widths, depths = _VARIANTS[self.size]
        x = _conv(x, widths[0] // 2, 6, 2, "backbone_stem")
        levels = {"c1": x}
        for i, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            name, final = f"backbone_dark{i + 2}", i == len(widths) - 1
            x = _conv(x, width, 3, 2, f"{name}_down")
            if final:
                x = _pyramid(x, width, f"{name}_spp")
            x = _cross_stage(x, width, depth, not final, self.attention, f"{name}_csp")
            if final:
                x = look_around(x, self.attention, f"{name}_attention")
            levels[f"c{i + 2}"] = x
        return levels

    def published_weights(self, source):
        if source != "imagenet":
            raise KerasVisionError(f"weights={str(source)!r} holds no layers of csp_darknet")
        from keras_cv.models import CSPDarkNetBackbone

        preset = f"csp_darknet_{self.size}_imagenet"
        return weights_of(fetch(self.registered_name, source, lambda: CSPDarkNetBackbone.from_preset(preset)))


def weights_of(published):
    """Layer name -> arrays of this backbone, of a `keras_cv.models.CSPDarkNetBackbone` (not depthwise)."""
    pairs = {"stem": published.get_layer("stem_conv")}
    for i, depth in enumerate(published.stackwise_depth):
        stage = f"dark{i + 2}"
        csp = published.get_layer(f"{stage}_csp")
        pairs[f"{stage}_down"] = published.get_layer(f"{stage}_conv")
        pairs |= {f"{stage}_csp_{n}": getattr(csp, f"darknet_conv{n}") for n in (1, 2, 3)}
        for b in range(depth):
            pairs[f"{stage}_csp_block{b}_1"], pairs[f"{stage}_csp_block{b}_2"] = csp.bottleneck_convs[2 * b : 2 * b + 2]
    pairs |= {f"{stage}_spp_{n}": published.get_layer(f"{stage}_spp_conv{n}") for n in (1, 2)}
    named = {}
    for name, block in pairs.items():
        named[f"backbone_{name}_conv"] = block.layers[0].get_weights()
        named[f"backbone_{name}_bn"] = block.layers[1].get_weights()
    named["backbone_stem_conv"] = [_unfocus(named["backbone_stem_conv"][0])]
    return named


def _unfocus(kernel):
    """[3, 3, 4 * 3, C] over pixel phases (0,0), (1,0), (0,1), (1,1) -> [6, 6, 3, C] over pixels."""
    pixels = np.zeros((6, 6, 3, kernel.shape[-1]), kernel.dtype)
    for phase, (dy, dx) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        pixels[dy::2, dx::2] = kernel[:, :, 3 * phase : 3 * phase + 3]
    return pixels


def _conv(x, width, kernel, stride, name):
    x = keras.layers.Conv2D(width, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = batch_norm(f"{name}_bn")(x)
    return keras.layers.Activation("swish", name=f"{name}_swish")(x)


def _pyramid(x, width, name):
    """Spatial pyramid pooling at one resolution: "YOLOv3: An Incremental Improvement", as in YOLOv3-SPP."""
    x = _conv(x, width // 2, 1, 1, f"{name}_1")
    pools = [keras.layers.MaxPooling2D(k, 1, "same", name=f"{name}_pool{k}")(x) for k in (5, 9, 13)]
    x = keras.layers.Concatenate(name=f"{name}_concat")([x, *pools])
    return _conv(x, width, 1, 1, f"{name}_2")


def _cross_stage(x, width, depth, residual, attention, name):
    """arXiv:1911.11929, figure 2b: half the channels go through the blocks, the other half around them."""
    inner = _conv(x, width // 2, 1, 1, f"{name}_1")
    around = _conv(x, width // 2, 1, 1, f"{name}_2")
    for b in range(depth):
        shortcut = inner
        inner = _conv(inner, width // 2, 1, 1, f"{name}_block{b}_1")
        inner = _conv(inner, width // 2, 3, 1, f"{name}_block{b}_2")
        inner = gate(inner, attention, f"{name}_block{b}_attention")
        if residual:
            inner = keras.layers.Add(name=f"{name}_block{b}_add")([shortcut, inner])
    x = keras.layers.Concatenate(name=f"{name}_concat")([inner, around])
    return _conv(x, width, 1, 1, f"{name}_3")
