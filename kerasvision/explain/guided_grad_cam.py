"""Guided Grad-CAM: the fine slopes of guided backpropagation where Grad-CAM has its heat.

"Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (Selvaraju et al. 2016,
arXiv:1610.02391, section 3.2).
"""

import dataclasses

from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer
from kerasvision.explain.grad_cam import GradCam
from kerasvision.explain.guided_backprop import guided_slope


@explainers.register("guided_grad_cam")
@dataclasses.dataclass(frozen=True)
class GuidedGradCam(Explainer):
    """layer: as of `grad_cam`. The largest of a pixel's channels of the product of both."""

    layer: str = ""

    def heat(self, model, prepared, target):
        coarse = GradCam(self.layer).heat(model, prepared, target)
        return (coarse[..., None] * guided_slope(model, prepared, target)).max(-1)
