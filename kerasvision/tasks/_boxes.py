"""What architectures share whose answers are boxes with scores and labels: how boxes come to the original's pixels."""

import numpy as np

from kerasvision.ops import boxes as box_ops
from kerasvision.ops import geometry as geo
from kerasvision.tasks.answering import Answering, Output


class BoxAnswers(Answering):
    """Abstract. Predictions have `boxes_xyxy` float32 [B, D, 4], `scores`, `labels` [B, D], -1 beyond `count` [B].
    Concrete ones have `image_size` (h, w), the graph's.
    """

    image_size: tuple[int, int]

    def file_outputs(self):
        boxes = Output("float32", "pixel of the prepared image", self.outputs["boxes_xyxy"].shape)
        return self.outputs | {"boxes_xyxy": boxes}

    def restoring(self):
        """box of the original = (box - offset_xy) / scale_xy, cut at the image's borders."""
        return {
            "rule": "boxes",
            "keys": {key: key for key in ("boxes_xyxy", "scores", "labels", "count")},
            "format": "xyxy_pixels",
            "size_hw": list(self.image_size),
            "clip": True,
        }

    def to_original_pixels(self, prediction, geometry):
        boxes = box_ops.clip(geo.restore_boxes(prediction["boxes_xyxy"], geometry), geometry["image_hw"]).numpy()
        real = (prediction["labels"] >= 0)[..., None]
        return prediction | {"boxes_xyxy": np.where(real, boxes, np.float32(0))}
