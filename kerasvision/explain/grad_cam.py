"""Grad-CAM: the channels of a late feature map, weighted by how a target's score rises with each.

"Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (Selvaraju et al. 2016,
arXiv:1610.02391, equations 1 and 2). The paper's score is a class's logit; here it is that of any target. Of one that
stands somewhere (a box, a region) each position has its own weights, as in "Use HiResCAM instead of Grad-CAM for
faithful explanations of convolutional neural networks" (Draelos, Carin 2020, arXiv:2011.08891, section 3.3): their mean
over all positions, equation 1, forgets where, and puts heat on places that have no part in the score.
"""

import dataclasses

from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer
from kerasvision.explain.features import features_and_slope
from kerasvision.ops.heat import enlarged, grad_cam


@explainers.register("grad_cam")
@dataclasses.dataclass(frozen=True)
class GradCam(Explainer):
    """layer: whose output [B, h, w, C] (of volumes [B, d, h, w, C]) is looked at; "" is the last that has a part in the
    score, of those that the family's targets name. One graph, two passes: fast, and as coarse as the layer. What speaks
    against the target is 0.
    """

    layer: str = ""

    def heat(self, model, prepared, target):
        own, slope = features_and_slope(model, prepared, target, self)
        heat = grad_cam(own, slope, by_position=target.region is not None)
        return enlarged(heat, prepared.shape[:-1])[0, ..., 0].numpy()
