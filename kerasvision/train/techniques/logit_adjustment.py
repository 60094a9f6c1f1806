"""Logit adjustment: Menon, Jayasumana, Rawat, Jain, Veit, Kumar 2021, Long-tail learning via logit adjustment,
arXiv:2007.07314, equation 10.

With tau=1 it is the balanced softmax of Ren et al. 2020, arXiv:2007.10740, equation 3. The loss sees logits + tau log
prior, so what the graph returns is adjusted to classes of equal frequency, and nothing is left to do when serving.
"""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.losses.classification import adjusted_logits
from kerasvision.train.techniques._classes import counted, require_classes
from kerasvision.train.techniques.base import Technique


@techniques.register("logit_adjustment")
@dataclasses.dataclass(frozen=True)
class LogitAdjustment(Technique):
    """The loss looks at logits + tau log(share of the class).

    tau: 0 changes nothing, 1 fits the error averaged over classes. counts: examples of each class; empty counts them in
    the training split, before anything is repeated or left out. For one class an example.
    """

    rivals: typing.ClassVar[str] = "alike"

    tau: float = 1.0
    counts: tuple[int, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.tau < float("inf"):
            raise UsageError(f"logit_adjustment.tau: got {self.tau}; allowed: 0 or more, usually 1")
        if any(n < 1 for n in self.counts):
            raise UsageError(f"logit_adjustment.counts: got {self.counts}; allowed: 1 or more for each class, or ()")

    def fit_statistics(self, arch, split):
        require_classes("logit_adjustment", arch)
        return dataclasses.replace(self, counts=counted("logit_adjustment", arch, split, self.counts))

    def objective(self, loss, arch):
        prior = np.array(self.counts) / sum(self.counts)

        def adjusted(targets, raw):
            own = [key for key in raw if key.split("/")[-1] == "logits"]  # a twin's too
            return loss(targets, raw | {key: adjusted_logits(raw[key], prior, self.tau) for key in own})

        return adjusted
