"""Auto-PGD by cross-entropy: steps that choose their own size.

"Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks" (Croce and Hein 2020,
arXiv:2003.01690, sections 3 and 4).
"""

import dataclasses

from kerasvision.core.registry import attacks
from kerasvision.robustness.attacks._apgd import AnyNorm, restarted
from kerasvision.robustness.attacks.base import Attack, Goal


@attacks.register("apgd_ce")
@dataclasses.dataclass(frozen=True)
class APGDCE(Attack):
    """By Linf or L2, targeted or not. restarts: how often it begins, at random places of the edge of the ball."""

    radius: float = 8 / 255
    norm: AnyNorm = "linf"
    steps: int = 100
    restarts: int = 1

    def moved(self, model, images, score, random):
        return restarted(model, images, score, self, Goal.loss, random)
