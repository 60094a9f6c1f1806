"""Bootstrapping: targets are partly the network's own answers (Reed et al. 2015, arXiv:1412.6596)."""

import dataclasses

from kerasvision.core.registry import techniques
from kerasvision.losses.noisy_labels import bootstrapped_cross_entropy
from kerasvision.train.techniques._classes import require_own_loss
from kerasvision.train.techniques._one_label import check_range, require_one_label
from kerasvision.train.techniques.base import Technique


@techniques.register("bootstrap")
@dataclasses.dataclass(frozen=True)
class Bootstrap(Technique):
    """The loss of equation 6 (soft) or 7 (hard) in place of the classifier's cross-entropy.

    beta: share of the given label, 0..1; the paper has 0.95 for soft and 0.8 for hard.
    """

    beta: float = 0.8
    hard: bool = True

    def __post_init__(self):
        super().__post_init__()
        check_range(self, "beta", 0.0, 1.0)

    def fit_statistics(self, arch, split):
        require_one_label(self, arch)
        return self

    def objective(self, loss, arch):
        require_own_loss("bootstrap", loss, arch)

        def bootstrapped(targets, raw):
            value = bootstrapped_cross_entropy(targets["logits"], raw["logits"], self.beta, self.hard)
            return {"bootstrapped_cross_entropy": value}

        return bootstrapped
