"""Adversarial training: the network learns from pictures moved against it, and from no others.

"Towards Deep Learning Models Resistant to Adversarial Attacks" (Madry et al. 2018, arXiv:1706.06083, equation 2.1 and
section 2.1).
"""

import dataclasses

from kerasvision.core.registry import techniques
from kerasvision.train.techniques._adversaries import Adversarial, Ball, own_loss


@techniques.register("adversarial_training")
@dataclasses.dataclass(frozen=True)
class AdversarialTraining(Adversarial):
    """Each batch is moved by projected gradient ascent of the architecture's own loss, whatever its family, from a
    random place of the ball. A step costs 1 + `steps` times as much. The other fields are those of `Adversarial`.
    """

    radius: float = 8 / 255
    norm: Ball = "linf"
    steps: int = 7
    step_size: float = 0.0

    def score(self, arch, targets, clean):
        return lambda raw: own_loss(arch, targets, raw)

    def given(self, inputs, moved, targets):
        return moved, targets
