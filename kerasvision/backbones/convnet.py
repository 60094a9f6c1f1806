"""A small residual network for images of 8 to 64 pixels.

After the CIFAR networks of "Deep Residual Learning for Image Recognition" (He, Zhang, Ren, Sun 2015, arXiv:1512.03385,
section 4.2), with the shortcut of "Bag of Tricks for Image Classification with CNNs" (He et al. 2018,
arXiv:1812.01187, ResNet-D): average pooling before the 1x1 convolution, so that no pixel is skipped. Only layers that
fold into int8 kernels: convolution, batch normalization, ReLU, addition, average pooling.
"""

import dataclasses

import tf_keras as keras

from kerasvision.backbones.base import Backbone, Normalization
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import GATES, Attention, gate, non_local, self_attention
from kerasvision.layers.drop_path import drop_path, linear_rates
from kerasvision.layers.norm import batch_norm


@backbones.register("convnet")
@dataclasses.dataclass(frozen=True)
class ConvNet(Backbone):
    """Levels `c{s}`, `c{s+1}` ...: one for each entry of `blocks`, where 2**s = stem_stride.

    With the defaults `c0` [H, W, width], `c1` [H/2, W/2, 2 width], `c2` [H/4, W/4, 4 width].

    width: channels of the first level; they double at every level. blocks: residual blocks (two 3x3 convolutions
    each) a level; 0 in the first entry leaves the stem alone there. stem_stride: 1 keeps the resolution of 8-32 px
    images, 2 halves it. dropout: rate of spatial dropout after each level's last block. drop_path: largest rate of
    stochastic depth, at the last block. attention: `se`, `eca` and `cbam` stand in each block before the addition,
    `non_local` after the last block, `self_attention` in place of the second convolution of the last level's blocks,
    with relative positions, so image_size must be fixed.
    """

    width: int = 32
    blocks: tuple[int, ...] = (1, 1, 1)
    stem_stride: int = 1
    dropout: float = 0.0
    drop_path: float = 0.0
    attention: Attention = "none"
    weights: str | None = None

    @property
    def normalization(self):
        return Normalization(mean=(127.5,), std=(127.5,))

    def __call__(self, x):
        x = _conv_bn(x, self.width, 3, self.stem_stride, "backbone_stem")
        x = keras.layers.ReLU(name="backbone_stem_relu")(x)
        levels, first = {}, self.stem_stride.bit_length() - 1
        rates = iter(linear_rates(self.drop_path, sum(self.blocks)))
        for i, count in enumerate(self.blocks):
            level = f"c{first + i}"
            for b in range(count):
                stride = 2 if i > 0 and b == 0 else 1
                attention = self._attention_at(i)
                x = _residual(x, self.width * 2**i, stride, attention, next(rates), f"backbone_{level}_block{b}")
            if self.attention == "non_local" and level == f"c{first + len(self.blocks) - 1}":
                x = non_local(x, f"backbone_{level}_attention")
            if self.dropout:
                x = keras.layers.SpatialDropout2D(self.dropout, name=f"backbone_{level}_dropout")(x)
            levels[level] = x
        return levels

    def _attention_at(self, level):
        """What the blocks of a level get: gates stand in all, attention over positions in the last level alone."""
        return self.attention if self.attention in GATES or level == len(self.blocks) - 1 else "none"


def _conv_bn(x, width, kernel, stride, name):
    x = keras.layers.Conv2D(
        width, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return batch_norm(f"{name}_bn")(x)


def _residual(x, width, stride, attention, drop, name):
    """y = relu(x' + conv(relu(conv(x)))) with x' = x, or its pooled projection where the shape changes."""
    shortcut = x
    if stride > 1:
        shortcut = keras.layers.AveragePooling2D(stride, padding="same", name=f"{name}_shortcut_pool")(shortcut)
    if x.shape[-1] != width:
        shortcut = _conv_bn(shortcut, width, 1, 1, f"{name}_shortcut")
    x = _conv_bn(x, width, 3, stride, f"{name}_1")
    x = keras.layers.ReLU(name=f"{name}_1_relu")(x)
    if attention == "self_attention":
        x = batch_norm(f"{name}_2_bn")(self_attention(x, width, f"{name}_attention"))
    else:
        x = _conv_bn(x, width, 3, 1, f"{name}_2")
    x = drop_path(gate(x, attention, f"{name}_attention"), drop, f"{name}_drop")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_relu")(x)
