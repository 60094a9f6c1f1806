"""COCO's average precision of boxes and masks, of predictions whose masks are in the frame of their boxes."""

import numpy as np

from kerasvision.metrics.base import Evaluator
from kerasvision.metrics.detection import Detection
from kerasvision.ops.masks import paste_masks


class Instances(Evaluator):
    """`metrics.detection.Detection`'s figures of boxes and, with `mask_` before, of masks.

    prediction: as there, but `masks` float [B, D, m, m] are probabilities in the frame of each box. truth: as there,
    with `instance_masks`.
    """

    draws = True

    def __init__(self, classes):
        self.whole = Detection(classes, masks=True)

    def update(self, prediction, truth):
        for i, masks in enumerate(truth["instance_masks"]):
            count = int(prediction["count"][i])
            one = {k: v[i : i + 1] for k, v in prediction.items()}
            boxes = prediction["boxes_xyxy"][i, :count]
            one["masks"] = paste_masks(prediction["masks"][i, :count], boxes, np.shape(masks)[1:])[None]
            self.whole.update(one, {k: v[i : i + 1] for k, v in truth.items()})

    def result(self, examples=None):
        return self.whole.result(examples)

    def draw(self, folder, images):
        return self.whole.draw(folder, images)
