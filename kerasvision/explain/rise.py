"""RISE: the mean of random masks, weighted by the score of what they leave; asks for scores alone.

"RISE: Randomized Input Sampling for Explanation of Black-box Models" (Petsiuk, Das, Saenko 2018, arXiv:1806.07421,
equation 6; hidden is black).
"""

import dataclasses

from kerasvision.core.registry import explainers
from kerasvision.explain import masks
from kerasvision.explain.base import Explainer


@explainers.register("rise")
@dataclasses.dataclass(frozen=True)
class Rise(Explainer):
    """masks: how many, 4,000 to 8,000 in the paper; grid: cells of a mask along each axis; kept: the probability of a
    cell; seed: of the masks. Heat below 0 is where the score was less than its mean.
    """

    masks: int = 1000
    grid: int = 7
    kept: float = 0.5
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        masks.check(self)

    def heat(self, model, prepared, target):
        return masks.weighted_mean(model, prepared, lambda inputs: model.score(inputs, target), self)
