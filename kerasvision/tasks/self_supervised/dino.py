"""DINO, for convolutional networks and without small crops: one view's shares among prototypes are to be the average's
of the other view.

"Emerging Properties in Self-Supervised Vision Transformers" (Caron et al. 2021, arXiv:2104.14294). With ResNet-50,
small crops and 800 epochs of ImageNet it reached 75.3 % in a linear probe. The average is
`techniques/momentum_teacher`, and `techniques/centering` keeps it from naming one prototype always.
"""

import dataclasses
import typing

from kerasvision.core.registry import architectures
from kerasvision.layers.cosines import Cosines
from kerasvision.layers.projector import perceptron
from kerasvision.losses.self_distillation import assignment_cross_entropy
from kerasvision.tasks.self_supervised.task import (
    SelfSupervised,
    answered,
    require_temperature,
    require_width,
    swapped,
)


@architectures.register("self_supervised/dino")
@dataclasses.dataclass(frozen=True)
class DINO(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, prototypes]}`: cosines with each of the prototypes, so that they
    have the length 1 that the paper's frozen last norm gives them.

    student_temperature, teacher_temperature: of the cosines; the smaller one sharpens what is to be learned.
    """

    projector: tuple[int, ...] = (256, 256, 64)
    prototypes: int = 1024
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04

    required_techniques: typing.ClassVar[dict[str, str]] = {
        "momentum_teacher": "its answers are what each view is to say",
        "centering": "without it all pictures get one prototype",
    }

    def __post_init__(self):
        super().__post_init__()
        require_width("prototypes", self.prototypes)
        require_temperature("student_temperature", self.student_temperature)
        require_temperature("teacher_temperature", self.teacher_temperature)

    @property
    def assignment_temperature(self):
        """Shares among prototypes are the softmax of cosines over it."""
        return self.student_temperature

    def heads(self, vector):
        bottleneck = perceptron(vector, self.projector, "projector", activation="gelu")
        return {"projection": Cosines(self.prototypes, name="prototypes")(bottleneck)}

    def head_sizes(self):
        return {"projection": self.prototypes}

    def loss(self, targets, raw):
        answers = swapped(answered(targets, raw, "projection"))
        temperatures = self.student_temperature, self.teacher_temperature
        return {"assignment": assignment_cross_entropy(raw["projection"], answers, *temperatures)}
