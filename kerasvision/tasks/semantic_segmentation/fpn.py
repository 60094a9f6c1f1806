"""Semantic FPN: "Panoptic Feature Pyramid Networks" (Kirillov, Girshick, He, Dollar 2019, arXiv:1901.02446, section
3.1, figure 3): every level of a pyramid is brought to the finest one's size, and all are added. Light, for the edge.

Differs from the paper: batch normalization in place of group normalization, nearest doubling in place of bilinear.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import architectures, necks
from kerasvision.necks.base import Neck, convolve
from kerasvision.tasks.semantic_segmentation.task import SemanticSegmentation


@architectures.register("semantic_segmentation/fpn")
@dataclasses.dataclass(frozen=True)
class SemanticFPN(SemanticSegmentation):
    """neck: the pyramid. width: of the convolutions on its levels."""

    neck: Neck = dataclasses.field(default_factory=lambda: necks["fpn"](width=96, first=2, last=5))
    width: int = 64

    def build(self):
        image = self.image_input()
        pyramid = self.neck(self.backbone(image))
        total = None
        for level, x in pyramid.items():
            steps = int(level[1:]) - self.neck.first
            x = convolve(x, self.width, 3, 1, f"{level}_0", "relu")
            for number in range(1, steps + 1):
                x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"{level}_{number}_up")(x)
                x = convolve(x, self.width, 3, 1, f"{level}_{number}", "relu")
            total = x if total is None else keras.layers.Add(name=f"{level}_add")([total, x])
        return self.whole(image, total)
