"""Embeddings learned by comparing the pictures of a batch: those of one class come near, others go away.

A batch needs several pictures of a class: `techniques/pk_batches` (Hermans et al. 2017, arXiv:1703.07737, section 2).
Under several replicas each picture is compared with those of all. The losses are of `losses.pairs`, which names their
papers.
"""

import dataclasses

from kerasvision.core.registry import architectures
from kerasvision.tasks.embedding._compared import Compared


@architectures.register("embedding/pairs")
@dataclasses.dataclass(frozen=True)
class Pairs(Compared):
    """The fields are those of every embedder; objective: the terms of the loss."""
