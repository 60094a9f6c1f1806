"""Barlow Twins: each dimension says the same of two views, and something else than all other dimensions.

"Barlow Twins: Self-Supervised Learning via Redundancy Reduction" (Zbontar, Jing, Misra, LeCun, Deny 2021,
arXiv:2103.03230). With ResNet-50 and 1000 epochs of ImageNet it reached 73.2 % in a linear probe.
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.losses import redundancy
from kerasvision.ops.gather import gathered
from kerasvision.tasks.self_supervised.task import SelfSupervised, paired


@architectures.register("self_supervised/barlow_twins")
@dataclasses.dataclass(frozen=True)
class BarlowTwins(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, projector[-1]]}`.

    redundancy: weight of the correlations of two dimensions; the paper's 5e-3 is for 8192 of them, and fewer bear more.
    Correlations are over the batch of all replicas.
    """

    projector: tuple[int, ...] = (256, 256, 256)
    redundancy: float = 5e-3

    def __post_init__(self):
        super().__post_init__()
        if not self.redundancy >= 0:
            raise UsageError(f"model.redundancy={self.redundancy:g}; allowed: 0 or more")

    def loss(self, targets, raw):
        rows = raw["projection"]
        own, other = redundancy.barlow_twins(*paired(gathered(rows)[0]), self.redundancy)
        count = [tf.shape(rows)[0]]
        return {"invariance": tf.fill(count, own), "redundancy": tf.fill(count, other)}
