"""The basic iterative method: many small steps along the slope of the loss, from the picture itself.

"Adversarial examples in the physical world" (Kurakin et al. 2016, arXiv:1607.02533, section 2.2).
"""

import dataclasses
import typing

from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm
from kerasvision.robustness.attacks._climbing import climbed
from kerasvision.robustness.attacks.base import Attack


@attacks.register("bim")
@dataclasses.dataclass(frozen=True)
class BIM(Attack):
    """steps: of radius / steps each, so that they just reach the edge of the ball."""

    radius: float = 8 / 255
    norm: Norm = "linf"
    steps: int = 10

    by_loss: typing.ClassVar[bool] = True

    def moved(self, model, images, score, random):
        return climbed(model, images, images, score, self, self.radius / self.steps)
