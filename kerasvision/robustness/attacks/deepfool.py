"""DeepFool: step by step to the nearest border between classes, as if they were flat.

"DeepFool: a simple and accurate method to fool deep neural networks" (Moosavi-Dezfooli et al. 2015, arXiv:1511.04599,
algorithm 2).
"""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm
from kerasvision.robustness.attacks._borders import leads, likeliest
from kerasvision.robustness.attacks.base import Attack


@attacks.register("deepfool")
@dataclasses.dataclass(frozen=True)
class DeepFool(Attack):
    """As small a change by L2 as it finds. steps: at most. candidates: the likeliest classes, of which the nearest
    border is taken. overshoot: how much further than the border, as a share of the change. Its small changes seldom
    survive rounding to pixels.
    """

    steps: int = 50
    candidates: int = 10
    overshoot: float = 0.02

    norm: typing.ClassVar[Norm] = "l2"

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.overshoot <= 1:
            raise UsageError(f"attacks/deepfool.overshoot={self.overshoot:g}; allowed: 0 to 1")

    def moved(self, model, images, score, random):
        if score.targets is not None:
            raise UsageError("attacks/deepfool goes to the nearest class and takes no target; bim and pgd do")
        others = likeliest(model.logits(images), score.labels, self.candidates)
        total, moved = np.zeros_like(images), images
        for _ in range(self.steps):
            still = np.flatnonzero(~score.reached(model.logits(moved)))
            if not len(still):
                break
            total[still] += _to_border(model, moved[still], score.labels[still], others[still])
            moved = np.clip(images + (1 + np.float32(self.overshoot)) * total, 0, 1)
        return moved


def _to_border(model, images, labels, others):
    """The smallest change that would reach the border to one of the other classes, were logits linear."""
    best, shortest = np.zeros_like(images), np.full(len(images), np.inf)
    for lead, slope in zip(*leads(model, images, labels, others), strict=True):
        square = np.maximum(np.square(slope).reshape(len(slope), -1).sum(1), 1e-12)
        lead = np.maximum(lead, 0) + 1e-4
        far = lead / np.sqrt(square)
        closer = far < shortest
        best[closer] = (-(lead / square)[:, None, None, None] * slope)[closer]
        shortest = np.minimum(shortest, far)
    return best
