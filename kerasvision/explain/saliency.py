"""Saliency: how steeply a target's score changes with each pixel.

"Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps" (Simonyan, Vedaldi,
Zisserman 2013, arXiv:1312.6034, section 3.1: the largest size of a pixel's slopes by its channels).
"""

import dataclasses

import numpy as np

from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer


@explainers.register("saliency")
@dataclasses.dataclass(frozen=True)
class Saliency(Explainer):
    """One pass forth and back, as fine as the pixels and as noisy; it says where a small change matters, and not
    whether it speaks for the target or against it.
    """

    def heat(self, model, prepared, target):
        return np.abs(model.slope(prepared[None], target)[0]).max(-1)
