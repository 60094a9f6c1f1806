"""Auto-PGD by the difference of logits ratio, a loss that does not vanish where logits are large.

"Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks" (Croce and Hein 2020,
arXiv:2003.01690, sections 3 and 4).
"""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.robustness.attacks._apgd import AnyNorm, restarted
from kerasvision.robustness.attacks.base import Attack, Goal


@attacks.register("apgd_dlr")
@dataclasses.dataclass(frozen=True)
class APGDDLR(Attack):
    """By Linf or L2, targeted or not; for 3 classes and more, towards a class for 4. restarts: how often it begins."""

    radius: float = 8 / 255
    norm: AnyNorm = "linf"
    steps: int = 100
    restarts: int = 1

    def moved(self, model, images, score, random):
        count, needed = model.arch.num_classes, 3 if score.targets is None and score.towards is None else 4
        if count < needed:
            raise UsageError(
                f"attacks/apgd_dlr needs {needed} classes for its loss, and the model has {count}: apgd_ce"
            )
        return restarted(model, images, score, self, Goal.ratio, random)
