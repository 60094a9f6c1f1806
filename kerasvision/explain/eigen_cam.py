"""Eigen-CAM: the direction in which a feature map reaches furthest, whatever the target.

"Eigen-CAM: Class Activation Map using Principal Components" (Muhammad, Yeasin 2020, arXiv:2008.00299, section III: the
projection of the map on its first right singular vector; nothing is subtracted before).
"""

import dataclasses

import numpy as np

from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer
from kerasvision.explain.features import features_and_slope
from kerasvision.ops.heat import enlarged


@explainers.register("eigen_cam")
@dataclasses.dataclass(frozen=True)
class EigenCam(Explainer):
    """layer: as of `grad_cam`. Where the network finds anything, the same for all targets of one layer. A singular
    vector has no sign; the one is taken with which the heat has a sum above 0.
    """

    layer: str = ""

    def heat(self, model, prepared, target):
        own, _ = features_and_slope(model, prepared, target, self)
        rows = own[0].numpy().reshape(-1, own.shape[-1])
        _, _, directions = np.linalg.svd(rows, full_matrices=False)
        along = rows @ directions[0]
        along = along * (1 if along.sum() >= 0 else -1)
        return enlarged(along.reshape(*own.shape[:-1], 1), prepared.shape[:-1])[0, ..., 0].numpy()
