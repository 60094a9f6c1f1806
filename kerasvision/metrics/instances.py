"""COCO's average precision of boxes and masks, of predictions whose masks are in the frame of their boxes.

The metric is that of `metrics.detection` (Lin et al. 2014, arXiv:1405.0312).
"""

from kerasvision.metrics.base import Evaluator
from kerasvision.metrics.detection import Detection
from kerasvision.ops.masks import paste_masks


class Instances(Evaluator):
    """Final. `metrics.detection.Detection`'s figures of boxes and, with `mask_` before, of masks.

    classes: names. coverage: as there. prediction: as there, but `masks` float [B, D, m, m] are probabilities in the
    frame of each box, pasted here into images of `image_hw` int [B, 2]. ground_truth: as there, with `instance_masks`
    [N, H, W].
    """

    draws = True

    def __init__(self, classes, coverage=None):
        self.whole = Detection(classes, masks=True, coverage=coverage)

    @property
    def directions(self):
        return self.whole.directions

    def update(self, prediction, ground_truth):
        for i, count in enumerate(prediction["count"]):
            one = {k: v[i : i + 1] for k, v in prediction.items()}
            boxes, image_hw = prediction["boxes_xyxy"][i, :count], prediction["image_hw"][i]
            one["masks"] = paste_masks(prediction["masks"][i, :count], boxes, image_hw)[None]
            self.whole.update(one, {k: v[i : i + 1] for k, v in ground_truth.items()})

    def figures(self, examples=None):
        return self.whole.figures(examples)

    def promised_shares(self):
        return self.whole.promised_shares()

    def draw(self, folder, images):
        return self.whole.draw(folder, images)
