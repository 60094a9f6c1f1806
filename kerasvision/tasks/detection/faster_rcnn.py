"""Faster R-CNN: "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks" (Ren, He, Girshick,
Sun 2015, arXiv:1506.01497) on a feature pyramid. `_two_stage.py` says what differs from the papers.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.tasks.detection._two_stage import TwoStage


@architectures.register("detection/faster_rcnn")
@dataclasses.dataclass(frozen=True)
class FasterRCNN(TwoStage):
    """Fields, raw and targets are `TwoStage`'s."""

    def build(self):
        image, _, raw = self.graph_parts()
        return keras.Model({"image": image}, raw, name=self.name)

    def encode(self, sample):
        return self.encode_boxes(sample)

    def loss(self, targets, raw):
        return self.box_losses(targets, raw)

    def ideal_raw(self, targets):
        return self.ideal_boxes(targets)
