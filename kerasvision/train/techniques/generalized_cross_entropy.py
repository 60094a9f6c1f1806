"""Generalized cross-entropy, for training data with wrong labels (Zhang & Sabuncu 2018, arXiv:1805.07836)."""

import dataclasses

from kerasvision.core.registry import techniques
from kerasvision.losses.noisy_labels import generalized_cross_entropy
from kerasvision.train.techniques._classes import require_own_loss
from kerasvision.train.techniques._one_label import check_range, require_one_label
from kerasvision.train.techniques.base import Technique


@techniques.register("generalized_cross_entropy")
@dataclasses.dataclass(frozen=True)
class GeneralizedCrossEntropy(Technique):
    """The loss of equation 6 in place of the classifier's cross-entropy.

    q: 0..1; small learns like cross-entropy, 1 like the mean absolute error: robust, and slow. The paper's truncated
    form, which leaves examples out after a while, is not here.
    """

    q: float = 0.7

    def __post_init__(self):
        super().__post_init__()
        check_range(self, "q", 0.0, 1.0, strict=True)

    def fit_statistics(self, arch, split):
        require_one_label(self, arch)
        return self

    def objective(self, loss, arch):
        require_own_loss("generalized_cross_entropy", loss, arch)

        def generalized(targets, raw):
            return {"generalized_cross_entropy": generalized_cross_entropy(targets["logits"], raw["logits"], self.q)}

        return generalized
