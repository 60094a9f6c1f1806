"""Class weights: what an example's loss counts, by how many there are of its class.

effective_number: Cui, Jia, Lin, Song, Belongie 2019, Class-Balanced Loss Based on Effective Number of Samples,
arXiv:1901.05555, equation 5: 1 / E_n with E_n = (1 - beta^n) / (1 - beta). Their weights add up to the number of
classes; ours have a mean of 1 over the examples, so that the loss, and with it the learning rate, keeps its size.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques._classes import counted, per_example, require_classes
from kerasvision.train.techniques.base import Technique


@techniques.register("class_weights")
@dataclasses.dataclass(frozen=True)
class ClassWeights(Technique):
    """Every term of the loss is multiplied by the weight of the example's class.

    scheme: inverse, 1 / n for a class of n examples; effective_number, with beta: 0 weighs all alike, towards 1 it
    becomes inverse. Where an example has several classes it counts the mean of their weights, and 1 where it has none;
    where targets are mixed, their mean too. counts: n of each class; empty counts them in the training split, before
    anything is repeated or left out.
    """

    rivals: typing.ClassVar[str] = "alike"

    scheme: typing.Literal["inverse", "effective_number"] = "inverse"
    beta: float = 0.999
    counts: tuple[int, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.beta < 1:
            raise UsageError(f"class_weights.beta: got {self.beta}; allowed: 0 <= beta < 1, such as 0.999")
        if any(n < 1 for n in self.counts):
            raise UsageError(f"class_weights.counts: got {self.counts}; allowed: 1 or more for each class, or ()")

    def fit_statistics(self, arch, split):
        require_classes("class_weights", arch, several=True)
        return dataclasses.replace(self, counts=counted("class_weights", arch, split, self.counts))

    def weights(self):
        """float64 [K], with a mean of 1 over the labels that were counted."""
        counts = np.array(self.counts, np.float64)
        if self.scheme == "inverse":
            each = 1 / counts
        else:
            # expm1 and log1p: 1 - beta^n of a beta near 1
            each = (1 - self.beta) / -np.expm1(counts * np.log(self.beta)) if self.beta else np.ones(len(counts))
        return each * counts.sum() / (counts @ each)

    def objective(self, loss, arch):
        weights = tf.constant(self.weights(), tf.float32)

        def weighted(targets, raw):
            held = targets["logits"]  # [B, K], or of several chains [B, chains, K]
            share = tf.reduce_sum(held, -1)
            each = tf.where(share > 0, tf.math.divide_no_nan(tf.linalg.matvec(held, weights), share), 1.0)
            each = per_example(each)
            return {name: each * value for name, value in loss(targets, raw).items()}

        return weighted
