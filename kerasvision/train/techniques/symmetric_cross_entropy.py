"""Symmetric cross-entropy, for training data with wrong labels (Wang et al. 2019, arXiv:1908.06112)."""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.losses.noisy_labels import reverse_cross_entropy
from kerasvision.train.techniques._classes import require_own_loss
from kerasvision.train.techniques._one_label import check_range, require_one_label
from kerasvision.train.techniques.base import Technique


@techniques.register("symmetric_cross_entropy")
@dataclasses.dataclass(frozen=True)
class SymmetricCrossEntropy(Technique):
    """alpha * the classifier's cross-entropy + beta * the reverse one (equation 5), in place of the former.

    log_zero: A, what log 0 counts as, below 0. The defaults are the paper's for CIFAR-10; with more classes the authors
    took a larger alpha (6 for CIFAR-100).
    """

    alpha: float = 0.1
    beta: float = 1.0
    log_zero: float = -4.0

    def __post_init__(self):
        super().__post_init__()
        check_range(self, "alpha", 0.0, float("inf"))
        check_range(self, "beta", 0.0, float("inf"), strict=True)
        if not -float("inf") < self.log_zero < 0:
            raise UsageError(f"symmetric_cross_entropy.log_zero={self.log_zero:g}; allowed: below 0, as in -4")

    def fit_statistics(self, arch, split):
        require_one_label(self, arch)
        return self

    def objective(self, loss, arch):
        require_own_loss("symmetric_cross_entropy", loss, arch)

        def symmetric(targets, raw):
            forward = {name: self.alpha * value for name, value in loss(targets, raw).items()}
            reverse = reverse_cross_entropy(targets["logits"], raw["logits"], self.log_zero)
            return forward | {"reverse_cross_entropy": self.beta * reverse}

        return symmetric
