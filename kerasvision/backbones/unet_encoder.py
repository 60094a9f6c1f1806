"""The contracting path of "U-Net: Convolutional Networks for Biomedical Image Segmentation" (Ronneberger, Fischer, Brox
2015, arXiv:1505.04597, section 2): two 3x3 convolutions and a 2x2 max pooling a level.

Differs from the paper: padded convolutions, so that every level fits its counterpart, and batch normalization.
"""

import dataclasses

import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import Attention, gate, look_around
from kerasvision.layers.norm import batch_norm


@backbones.register("unet_encoder")
@dataclasses.dataclass(frozen=True)
class UNetEncoder(Backbone):
    """Levels c0 ... c{depth}, of `width` channels at full size and twice as many a level down. dropout: at the end.

    attention: `se`, `eca` and `cbam` stand behind the two convolutions of each level ("Concurrent Spatial and Channel
    Squeeze & Excitation in Fully Convolutional Networks", Roy, Navab, Wachinger 2018, arXiv:1803.02579, section 3),
    `non_local` and `self_attention` behind those of the coarsest.
    """

    width: int = 64
    depth: int = 4
    dropout: float = 0.0
    attention: Attention = "none"
    weights: str | None = None

    def __call__(self, x):
        levels = {}
        for k in range(self.depth + 1):
            if k:
                x = keras.layers.MaxPooling2D(2, name=f"backbone_pool{k}")(x)
            for number in (1, 2):
                x = _convolve(x, self.width * 2**k, f"backbone_level{k}_{number}")
            x = gate(x, self.attention, f"backbone_level{k}_attention")
            if k == self.depth:
                x = look_around(x, self.attention, f"backbone_level{k}_attention")
            if k == self.depth and self.dropout:
                x = keras.layers.Dropout(self.dropout, name="backbone_dropout")(x)
            levels[f"c{k}"] = x
        return levels


def _convolve(x, width, name):
    x = keras.layers.Conv2D(
        width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return keras.layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_bn")(x))
