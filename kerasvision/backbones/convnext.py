"""ConvNeXt: "A ConvNet for the 2020s" (Liu, Mao, Wu, Feichtenhofer, Darrell, Xie 2022, arXiv:2201.03545), and
"ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders" (Woo et al. 2023, arXiv:2301.00808).

The layers of `keras.applications` and its weights, laid flat: its stem and downsampling are nested models, its
7x7 depthwise convolutions grouped ones. GELU is the tanh form, for the sake of ONNX.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.backbones._applications import IMAGENET, fetch
from kerasvision.backbones.base import Backbone
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import backbones
from kerasvision.layers.activation import gelu_tanh
from kerasvision.layers.attention import Attention, gate, look_around
from kerasvision.layers.response import GlobalResponseNormalization
from kerasvision.layers.scale import LayerScale

_VARIANTS = {  # blocks and channels of each stage; those of atto to nano, huge: arXiv:2301.00808, appendix A.1
    "atto": ((2, 2, 6, 2), (40, 80, 160, 320)),
    "femto": ((2, 2, 6, 2), (48, 96, 192, 384)),
    "pico": ((2, 2, 6, 2), (64, 128, 256, 512)),
    "nano": ((2, 2, 8, 2), (80, 160, 320, 640)),
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "xlarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
    "huge": ((3, 3, 27, 3), (352, 704, 1408, 2816)),
}
_SIZES = {  # of each version
    1: ("tiny", "small", "base", "large", "xlarge"),
    2: ("atto", "femto", "pico", "nano", "tiny", "base", "large", "huge"),
}


@backbones.register("convnext")
@dataclasses.dataclass(frozen=True)
class ConvNeXt(Backbone):
    """Levels c2 ... c5, and `head`: c5 normalized, for pooling and classification. Images of at least 32 px.

    version: 1, or 2, which has global response normalization in each block and no layer scale, and with it the small
    sizes atto (3.4 million weights), femto, pico and nano; published weights are of version 1.
    drop_path: largest rate of stochastic depth, reached at the last block. Sides that are no multiple of 32 lose
    their remainder, as in the published network.
    attention: `se`, `eca` and `cbam` stand in each block before its layer scale, which starts at 1e-6 and would hide
    from them what they weigh; `non_local` and `self_attention` behind c5. Such layers start fresh beside ImageNet
    weights.
    """

    size: typing.Literal["atto", "femto", "pico", "nano", "tiny", "small", "base", "large", "xlarge", "huge"] = "tiny"
    drop_path: float = 0.0
    attention: Attention = "none"
    weights: str | None = None
    version: typing.Literal[1, 2] = 1

    quantizable: typing.ClassVar[bool] = False  # layer normalization and layer scale

    def __post_init__(self):
        super().__post_init__()
        if self.size not in _SIZES[self.version]:
            allowed = ", ".join(_SIZES[self.version])
            raise UsageError(f"convnext.size={self.size!r} of version {self.version}; allowed: {allowed}")

    @property
    def normalization(self):
        return IMAGENET

    def __call__(self, x):
        depths, widths = _VARIANTS[self.size]
        levels, done = {}, 0
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            x = _patchify(x, width) if stage == 0 else _downsample(x, width, stage - 1)
            for block in range(depth):
                drop = self.drop_path * done / (sum(depths) - 1)
                x = _block(x, self.version, drop, self.attention, f"backbone_stage_{stage}_block_{block}")
                done += 1
            if stage == len(depths) - 1:
                x = look_around(x, self.attention, f"backbone_stage_{stage}_attention")
            levels[f"c{stage + 2}"] = x
        return levels | {"head": _layer_norm("backbone_head_layernorm")(x)}

    def published_weights(self, source):
        if self.version == 2:
            raise KerasVisionError(
                f"weights={str(source)!r}: those of ConvNeXt V2 are published for PyTorch alone; take version 1, or "
                "None, or the path of a file that holds this backbone"
            )
        build = getattr(keras.applications, f"ConvNeXt{'XLarge' if self.size == 'xlarge' else self.size.capitalize()}")
        published = fetch(self.registered_name, source, lambda: build(include_top=False, weights=source))
        named = {}
        for layer in _leaves(published):
            name = layer.name.removeprefix(f"convnext_{self.size}_")
            name = "head_layernorm" if name.startswith("layer_normalization") else name
            named[f"backbone_{name}"] = layer.get_weights()
            if name.endswith("_depthwise_conv"):
                named[f"backbone_{name}"][0] = layer.get_weights()[0].transpose(0, 1, 3, 2)
        return named


def _leaves(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        elif layer.weights and not isinstance(layer, keras.layers.Normalization):
            yield layer


def _layer_norm(name):
    return keras.layers.LayerNormalization(epsilon=1e-6, name=name)


def _patchify(x, width):
    x = keras.layers.Conv2D(width, 4, 4, name="backbone_stem_conv")(x)
    return _layer_norm("backbone_stem_layernorm")(x)


def _downsample(x, width, index):
    x = _layer_norm(f"backbone_downsampling_layernorm_{index}")(x)
    return keras.layers.Conv2D(width, 2, 2, name=f"backbone_downsampling_conv_{index}")(x)


def _block(x, version, drop, attention, name):
    """Figure 4: depthwise 7x7, layer normalization, two 1x1 convolutions around a GELU; figure 5 of version 2."""
    shortcut, width = x, x.shape[-1]
    x = keras.layers.DepthwiseConv2D(7, padding="same", name=f"{name}_depthwise_conv")(x)
    x = _layer_norm(f"{name}_layernorm")(x)
    x = keras.layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(x)
    x = keras.layers.Activation(gelu_tanh, name=f"{name}_gelu")(x)
    if version == 2:
        x = GlobalResponseNormalization(name=f"{name}_response")(x)
    x = keras.layers.Dense(width, name=f"{name}_pointwise_conv_2")(x)
    x = gate(x, attention, f"{name}_attention")
    if version == 1:
        x = LayerScale(name=f"{name}_layer_scale")(x)
    if drop:
        x = keras.layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return keras.layers.Add(name=f"{name}_add")([shortcut, x])
