"""D-RISE: RISE for boxes. A mask counts by how much of an object is still found there, its place and its classes.

"Black-box Explanation of Object Detectors via Saliency Maps" (Petsiuk et al. 2020, arXiv:2006.03204, equations 2 to 5).
Differs from the paper: all positions take part, before suppression, and objectness is the largest score of a class.
"""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import explainers
from kerasvision.explain import masks
from kerasvision.explain.base import Explainer


@explainers.register("d_rise")
@dataclasses.dataclass(frozen=True)
class DRise(Explainer):
    """masks, grid, kept, seed: as of `rise`; the paper takes 5,000 masks of 16 cells. Needs a target that has a
    `similarity`: an object of a detector.
    """

    masks: int = 1000
    grid: int = 16
    kept: float = 0.5
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        masks.check(self)

    def heat(self, model, prepared, target):
        if not hasattr(target, "similarity"):
            raise UsageError(
                f"d_rise explains objects of a detector, and {model.arch.registered_name} has none here; ask rise"
            )
        return masks.weighted_mean(model, prepared, lambda inputs: target.similarity(model.found(inputs, target)), self)
