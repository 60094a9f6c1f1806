"""The evaluator of what follows one object: where it says that it is, and whether it is there at all."""

import numpy as np

from kerasvision.metrics.base import Evaluator, chosen
from kerasvision.ops.overlaps import overlaps

_DIGITS = 6  # of an overlap: boxes in float32 have no more
PRECISE_PX = 20.0  # of the center, the distance that counts as found (Wu et al. 2013, doi:10.1109/CVPR.2013.312)


class Following(Evaluator):
    """Final. Examples are frames. prediction: `box_xyxy` [B, 4] pixels and `present` [B]; ground_truth: the same, and
    `sequence` [B] where frames are of several, which are then drawn whole.

    Over frames in which the object is there: `success_auc`, the area under the share of frames whose overlap (IoU)
    exceeds a threshold from 0 to 1, which is the mean overlap (Cehovin et al. 2014, arXiv:1502.05803); toolkits add up
    21 thresholds. `precision`: the share whose center is at most 20 pixels off. `normalized_precision`: the area under
    the share whose center is less than 0 to 0.5 of the true sides off, over 0.5 (Mueller et al. 2018,
    arXiv:1803.10794). A frame of which the object is said to be absent counts as 0 in all three. `presence_f1`: of what
    is said to be there. `silence`: the share of the frames without the object of which nothing is said to be there.
    """

    def __init__(self):
        self._rows, self._sequences = [], []

    @property
    def groups(self):
        return tuple(self._sequences) or self.split_groups

    @property
    def directions(self):
        names = ("success_auc", "precision", "normalized_precision", "presence_f1", "silence")
        return dict.fromkeys(names, "max")

    def update(self, prediction, ground_truth):
        boxes, true = (np.asarray(held["box_xyxy"], np.float64) for held in (prediction, ground_truth))
        said, there = (np.asarray(held["present"]) > 0 for held in (prediction, ground_truth))
        size = np.maximum(true[:, 2:] - true[:, :2], 1e-9)
        off = (boxes[:, :2] + boxes[:, 2:] - true[:, :2] - true[:, 2:]) / 2
        share = np.array([overlaps(a[None], b[None])[0, 0] for a, b in zip(boxes, true, strict=True)]).round(_DIGITS)
        near = np.linalg.norm(off, axis=1) <= PRECISE_PX
        area = np.maximum(0.0, 1 - np.linalg.norm(off / size, axis=1) / 0.5)
        self._rows.append(np.stack([there, said, share * said, near * said, area * said], 1).astype(np.float64))
        self._sequences += np.asarray(ground_truth.get("sequence", ())).tolist()

    def figures(self, examples=None):
        there, said, *held = chosen([*self._rows, np.zeros((0, 5))], examples).T
        there, said = there > 0, said > 0

        def mean(values, which):
            return float(values[which].mean()) if which.any() else None

        def f1():
            total = int(there.sum()) + int(said.sum())
            return 2 * int((there & said).sum()) / total if total else None

        names = ("success_auc", "precision", "normalized_precision")
        parts = {name: lambda values=values: mean(values, there) for name, values in zip(names, held, strict=True)}
        return parts | {"presence_f1": f1, "silence": lambda: mean(~said, ~there)}
