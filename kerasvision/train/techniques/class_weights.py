"""Class weights: an example of a rare class counts more.

effective_number: "Class-Balanced Loss Based on Effective Number of Samples" (Cui, Jia, Lin, Song, Belongie 2019,
arXiv:1901.05555, equations 2 and 4).
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.sampling import class_counts, labels_of
from kerasvision.train.techniques._balance import require_label
from kerasvision.train.techniques.base import Technique


@techniques.register("class_weights")
@dataclasses.dataclass(frozen=True)
class ClassWeights(Technique):
    """Each term of the loss, times the weight of the example's class. On average over the examples a weight is 1, so
    the learning rate keeps its meaning.

    scheme: "inverse" is 1 / n of a class with n examples; "effective_number" is (1 - beta) / (1 - beta^n). weights: one
    a class, in place of either; (): those of the training split.
    """

    scheme: typing.Literal["inverse", "effective_number"] = "inverse"
    beta: float = 0.999
    weights: tuple[float, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.beta < 1:
            raise UsageError(f"class_weights.beta={self.beta:g}; allowed: 0 to less than 1 (0.9 to 0.9999 are usual)")
        if self.weights and not min(self.weights) > 0:
            raise UsageError(f"class_weights.weights={self.weights}; allowed: numbers above 0, one a class")

    def look_at(self, arch, split):
        require_label(self, arch)
        if self.weights:
            if len(self.weights) != arch.num_classes:
                raise UsageError(f"class_weights has {len(self.weights)} weights for {arch.num_classes} classes")
            return self
        counts = class_counts(labels_of(split), arch.num_classes)
        return dataclasses.replace(self, weights=tuple(map(float, self._of(counts))))

    def _of(self, counts):
        raw = 1.0 / counts if self.scheme == "inverse" else (1.0 - self.beta) / (1.0 - self.beta**counts)
        return raw * counts.sum() / (raw * counts).sum()

    def objective(self, loss):
        def weighted(targets, raw):
            share = tf.reduce_sum(targets["logits"] * tf.constant(self.weights, tf.float32), -1)
            return {name: share * term for name, term in loss(targets, raw).items()}

        return weighted
