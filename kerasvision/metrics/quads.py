"""Quadrilaterals of text, found at an IoU of one half: precision, recall and their harmonic mean.

D. Karatzas et al., ICDAR 2015 Competition on Robust Reading, doi:10.1109/ICDAR.2015.7333942, section on incidental
scene text; here with the largest number of pairs in place of the first that comes.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.base import Evaluator
from kerasvision.ops import polygons

MATCH = 0.5  # IoU of a pair


class Quads(Evaluator):
    """Final. `f1`, `precision`, `recall`, and `iou`, the mean of the pairs. What is found and what is there are paired
    one to one where their IoU, exact for convex quads, is 0.5 or more. Undefined: `precision` where nothing is found,
    `recall` where nothing is there, `f1` where neither is, `iou` without a pair.

    prediction: `quads_xy` [B, S, 4, 2], `count` [B]. ground_truth: `quads_xy` [N, 4, 2] for each image, as an array
    with a batch axis or a row of arrays. Raises KerasVisionError where quads are not finite.
    """

    def __init__(self):
        self._rows = []  # pairs, found, there, sum of the pairs' IoU

    @property
    def directions(self):
        return {"f1": "max", "precision": "max", "recall": "max", "iou": "max"}

    def update(self, prediction, ground_truth):
        for quads, count, true in zip(
            prediction["quads_xy"], prediction["count"], ground_truth["quads_xy"], strict=True
        ):
            found, true = quads[:count], np.asarray(true, np.float64).reshape(-1, 4, 2)
            if not np.isfinite(found).all():
                raise KerasVisionError("a prediction holds quads that are not finite; the model has diverged")
            held = pairs(found, true)
            self._rows.append((len(held), len(found), len(true), float(held.sum())))

    def figures(self, examples=None):
        rows = np.array(self._rows, np.float64).reshape(-1, 4)
        right, found, there, shared = (rows if examples is None else rows[examples]).sum(0)
        return {
            "f1": lambda: _share(2 * right, found + there),
            "precision": lambda: _share(right, found),
            "recall": lambda: _share(right, there),
            "iou": lambda: _share(shared, right),
        }


def pairs(found, true):
    """[P]: the IoU of each pair, as many pairs as there can be, and of those the ones that overlap most."""
    overlap = polygons.pairwise_iou(found, true)
    whole = 1.0 + min(overlap.shape)  # one pair more counts more than all overlaps together
    rows, columns = linear_sum_assignment(np.where(overlap >= MATCH, whole + overlap, 0.0), maximize=True)
    held = overlap[rows, columns]
    return held[held >= MATCH]


def _share(part, whole):
    return float(part / whole) if whole else None
