"""Focal loss for classification: Lin, Goyal, Girshick, He, Dollar 2017, Focal Loss for Dense Object Detection,
arXiv:1708.02002, equation 4. On softmax for one class an example, on sigmoid for several.
"""

import dataclasses
import typing

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.losses.classification import sigmoid_focal, softmax_focal
from kerasvision.train.techniques._classes import ONE, per_example, require_classes, require_own_loss
from kerasvision.train.techniques.base import Technique


@techniques.register("focal")
@dataclasses.dataclass(frozen=True)
class Focal(Technique):
    """(1 - p_t)^gamma times the cross-entropy, in its place: examples that are answered well count little.

    gamma: 0 is the cross-entropy. The paper's alpha is techniques/class_weights, named after this one. The
    architecture's label smoothing stays.
    """

    rivals: typing.ClassVar[str] = "alike"

    gamma: float = 2.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.gamma < float("inf"):
            raise UsageError(f"focal.gamma: got {self.gamma}; allowed: 0 or more, usually 2")

    def fit_statistics(self, arch, split):
        require_classes("focal", arch, several=True)
        return self

    def objective(self, loss, arch):
        require_own_loss("focal", loss, arch)
        of_batch = softmax_focal if arch.label_keys == ONE else sigmoid_focal

        def focal(targets, raw):
            each = of_batch(targets["logits"], raw["logits"], self.gamma, arch.label_smoothing)
            return {"focal": per_example(each)}

        return focal
