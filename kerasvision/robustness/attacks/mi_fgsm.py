"""Steps along a slope with momentum, whose pictures deceive other models too.

"Boosting Adversarial Attacks with Momentum" (Dong et al. 2017, arXiv:1710.06081, algorithm 1).
"""

import dataclasses
import typing

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm
from kerasvision.robustness.attacks._climbing import climbed
from kerasvision.robustness.attacks.base import Attack


@attacks.register("mi_fgsm")
@dataclasses.dataclass(frozen=True)
class MIFGSM(Attack):
    """steps: of radius / steps each. decay: what is left of the sum of earlier slopes, each divided by its L1 norm."""

    radius: float = 8 / 255
    norm: Norm = "linf"
    steps: int = 10
    decay: float = 1.0

    by_loss: typing.ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.decay <= 1:
            raise UsageError(f"attacks/mi_fgsm.decay={self.decay:g}; allowed: 0 to 1")

    def moved(self, model, images, score, random):
        return climbed(model, images, images, score, self, self.radius / self.steps, self.decay)
