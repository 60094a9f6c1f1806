"""Defensive distillation: a network, and a student of it, that learn at a high temperature and answer at 1.

"Distillation as a Defense to Adversarial Perturbations against Deep Neural Networks" (Papernot et al. 2016,
arXiv:1511.04508, section IV). It hides gradients more than it protects: "Towards Evaluating the Robustness of Neural
Networks" (Carlini, Wagner 2017, arXiv:1608.04644, section VIII) broke it; `kerasvision attack` has a look.
"""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.losses.divergence import softmax_divergence
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.distill import SEEN, Distill


@techniques.register("defensive_distillation")
@dataclasses.dataclass(frozen=True)
class DefensiveDistillation(Technique):
    """teacher: "", the first of both runs: labels are learned by logits that are divided by the temperature. Else the
    folder of such a run, of the same architecture and temperature: its probabilities at the temperature are learned,
    and no labels. Losses are multiplied by the temperature once, so that a learning rate suits any.
    """

    teacher: str = ""
    temperature: float = 20.0

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.temperature < float("inf"):
            raise UsageError(f"defensive_distillation.temperature={self.temperature:g}; allowed: 1 or more (20 to 100)")

    @property
    def _distill(self):
        return Distill(teacher=self.teacher, temperature=self.temperature, alpha=1.0)

    def fit_statistics(self, arch, split):
        if set(arch.class_logits.values()) != {"softmax"} or "boxes_xyxy" in arch.label_keys:
            raise UsageError(
                f"defensive_distillation is for classes that exclude one another and nothing besides; "
                f"{arch.registered_name} has other outputs"
            )
        if self.teacher:
            self._distill.fit_statistics(arch, split)
        return self

    def observer(self, arch, graph):
        return self._distill.observer(arch, graph) if self.teacher else None

    def objective(self, loss, arch):
        def of_labels(targets, raw):
            cooled = {key: raw[key] / self.temperature for key in arch.class_logits}
            return {name: self.temperature * term for name, term in loss(targets, raw | cooled).items()}

        def of_answers(targets, raw):
            apart = [
                softmax_divergence(targets[f"{SEEN}softmax/{key}"], raw[key], self.temperature)
                for key in arch.class_logits
            ]
            return {"distill": sum(apart) / self.temperature}  # which has the temperature's square in it

        return of_answers if self.teacher else of_labels
