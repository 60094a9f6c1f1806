"""DeepLabv3+: "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation" (Chen, Zhu,
Papandreou, Schroff, Adam 2018, arXiv:1802.02611), with the atrous spatial pyramid pooling of "Rethinking Atrous
Convolution" (Chen et al. 2017, arXiv:1706.05587, section 3.3).

Differs from the paper: backbones are not dilated; the output stride chooses the level that the pyramid looks at.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.necks.base import convolve
from kerasvision.tasks.semantic_segmentation._decoder import strided
from kerasvision.tasks.semantic_segmentation.task import SemanticSegmentation


@architectures.register("semantic_segmentation/deeplabv3plus")
@dataclasses.dataclass(frozen=True)
class DeepLabV3Plus(SemanticSegmentation):
    """output_stride: of the level that atrous convolutions look at. rates: their dilations; at stride 16 the paper has
    6, 12 and 18. low_stride, low_width: of the fine level that the decoder joins. width: of everything else.
    """

    output_stride: typing.Literal[4, 8, 16, 32] = 16
    rates: tuple[int, ...] = (6, 12, 18)
    low_stride: typing.Literal[2, 4, 8, 16] = 4
    low_width: int = 48
    width: int = 128
    dropout: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        if self.low_stride >= self.output_stride or not self.rates or min(self.rates) < 1:
            raise UsageError(
                f"DeepLabV3Plus: low_stride={self.low_stride}, output_stride={self.output_stride}, rates={self.rates}; "
                "give a low_stride below the output_stride, and rates of 1 or more"
            )

    def build(self):
        image = self.image_input()
        levels = strided(self.backbone(image))
        x = self._pyramid(levels[self.output_stride.bit_length() - 1])
        low = convolve(levels[self.low_stride.bit_length() - 1], self.low_width, 1, 1, "low", "relu")
        factors = [a // b for a, b in zip(low.shape[1:3], x.shape[1:3], strict=True)]
        x = keras.layers.UpSampling2D(factors, interpolation="bilinear", name="decoder_up")(x)
        x = keras.layers.Concatenate(name="decoder_join")([x, low])
        for number in (1, 2):
            x = _separable(x, self.width, 1, f"decoder_{number}")
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        return self.whole(image, x)

    def _pyramid(self, x):
        """arXiv:1706.05587, figure 5: a 1x1 convolution, one 3x3 a rate, and the mean of the image."""
        h, w = x.shape[1:3]
        branches = [convolve(x, self.width, 1, 1, "aspp_1x1", "relu")]
        branches += [_separable(x, self.width, rate, f"aspp_rate{rate}") for rate in self.rates]
        mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="aspp_mean")(x)
        mean = convolve(mean, self.width, 1, 1, "aspp_image", "relu")
        branches.append(keras.layers.UpSampling2D((h, w), interpolation="nearest", name="aspp_image_up")(mean))
        joined = keras.layers.Concatenate(name="aspp_join")(branches)
        return convolve(joined, self.width, 1, 1, "aspp_out", "relu")


def _separable(x, width, rate, name):
    """arXiv:1802.02611, section 3.1: an atrous depthwise convolution, then a pointwise one. As two layers, which
    quantization-aware training knows.
    """
    x = keras.layers.DepthwiseConv2D(3, padding="same", dilation_rate=rate, use_bias=False, name=f"{name}_depthwise")(x)
    return convolve(x, width, 1, 1, name, "relu")
