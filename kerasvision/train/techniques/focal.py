"""Focal loss for classification: what is answered well already counts less.

"Focal Loss for Dense Object Detection" (Lin, Goyal, Girshick, He, Dollár 2017, arXiv:1708.02002, equation 4).
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.losses.classification import softmax_focal
from kerasvision.losses.detection import focal
from kerasvision.train.techniques.base import Technique


@techniques.register("focal")
@dataclasses.dataclass(frozen=True)
class Focal(Technique):
    """In place of the cross-entropy. gamma: 0 is the cross-entropy. form: softmax for one class an example, sigmoid for
    several (the mean over classes); the architecture decides.
    """

    gamma: float = 2.0
    form: typing.Literal["softmax", "sigmoid"] = "softmax"

    def __post_init__(self):
        super().__post_init__()
        if not self.gamma >= 0:
            raise UsageError(f"focal.gamma={self.gamma:g}; allowed: 0 or more (2 is usual)")

    def look_at(self, arch, split):
        if tuple(arch.needs) not in (("label",), ("labels",)) or set(arch.class_logits) != {"logits"}:
            raise UsageError(
                f"focal replaces the cross-entropy of classification; {arch.registered_name} has another loss"
            )
        if arch.label_smoothing:
            raise UsageError(
                f"focal has a loss of its own, where model.label_smoothing={arch.label_smoothing:g} would not count; "
                "set model.label_smoothing=0"
            )
        return dataclasses.replace(self, form=arch.class_logits["logits"])

    def objective(self, loss):
        def focused(targets, raw):
            true, logits = targets["logits"], raw["logits"]
            if self.form == "softmax":
                return {"focal": softmax_focal(true, logits, self.gamma)}
            each = focal(true, logits, None, self.gamma) / true.shape[-1]
            return {"focal": tf.reduce_mean(each, tuple(range(1, each.shape.rank)))}  # of several chains

        return focused
