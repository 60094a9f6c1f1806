"""VICReg: two views of a picture come together, while each dimension keeps its variance and none repeats another.

"VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning" (Bardes, Ponce, LeCun 2021,
arXiv:2105.04906). With ResNet-50 and 1000 epochs of ImageNet it reached 73.2 % in a linear probe.
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.registry import architectures
from kerasvision.losses import redundancy
from kerasvision.ops.gather import gathered
from kerasvision.tasks._weighted_terms import require_weights, weighted
from kerasvision.tasks.self_supervised.task import SelfSupervised, paired, swapped


@architectures.register("self_supervised/vicreg")
@dataclasses.dataclass(frozen=True)
class VICReg(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, projector[-1]]}`.

    invariance, variance, covariance: weights of the three terms. As in the authors' program the first is a mean over
    dimensions too, and the second that of both views. Variances are over the batch of all replicas.
    """

    projector: tuple[int, ...] = (256, 256, 256)
    invariance: float = 25.0
    variance: float = 25.0
    covariance: float = 1.0

    compares_lengths: typing.ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        require_weights(self, ("invariance", "variance", "covariance"))

    def loss(self, targets, raw):
        rows = raw["projection"]
        first, second = paired(gathered(rows)[0])

        def both(term):
            return tf.fill([tf.shape(rows)[0]], term(first) + term(second))

        terms = {
            "invariance": lambda: tf.reduce_mean(tf.math.squared_difference(rows, swapped(rows)), -1),
            "variance": lambda: 0.5 * both(redundancy.variance),
            "covariance": lambda: both(redundancy.covariance),
        }
        return weighted(self, terms)
