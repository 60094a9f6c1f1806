"""U-Net: "U-Net: Convolutional Networks for Biomedical Image Segmentation" (Ronneberger, Fischer, Brox 2015,
arXiv:1505.04597, section 2), over the paper's encoder (`backbones/unet_encoder`) or any backbone.

Differs from the paper: padded convolutions, batch normalization; a backbone whose finest level is smaller than the
image ends in a bilinear enlargement.
"""

import dataclasses

from kerasvision.core.registry import architectures
from kerasvision.tasks.semantic_segmentation._decoder import expand
from kerasvision.tasks.semantic_segmentation.task import SemanticSegmentation


@architectures.register("semantic_segmentation/unet")
@dataclasses.dataclass(frozen=True)
class UNet(SemanticSegmentation):
    """width: channels of the decoder at full size; twice as many a level down, at most max_width."""

    width: int = 32
    max_width: int = 256

    def build(self):
        image = self.image_input()
        return self.whole(image, expand(self.backbone(image), self.width, self.max_width))
