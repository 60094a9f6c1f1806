"""Batches of P classes by K pictures: losses that compare the pictures of a batch find pairs in each.

"In Defense of the Triplet Loss for Person Re-Identification" (Hermans, Beyer, Leibe 2017, arXiv:1703.07737, section 2).
"""

import dataclasses

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.sampling import single_labels
from kerasvision.train.techniques.base import Technique

_NAME = "pk_batches"


@techniques.register("pk_batches")
@dataclasses.dataclass(frozen=True)
class PKBatches(Technique):
    """Each batch has `pictures` of each of batch_size / `pictures` classes, the classes drawn without replacement.

    Pictures of a class are different ones, unless it has fewer than `pictures`: then each comes as equally often as can
    be. Classes are drawn alike however many pictures they have, so those of a small class come more often in an epoch,
    which is as long as without.
    """

    pictures: int = 4

    def __post_init__(self):
        super().__post_init__()
        if self.pictures < 2:
            raise UsageError(f"{_NAME}.pictures={self.pictures}; allowed: 2 or more, as one picture makes no pair")

    def order(self, split, batch_size, seed):
        if batch_size % self.pictures:
            raise UsageError(
                f"{_NAME}.pictures={self.pictures} does not divide batch_size={batch_size}; set batch_size to classes "
                "times pictures"
            )
        labels = single_labels(split, _NAME)
        members = [np.flatnonzero(labels == k) for k in np.unique(labels)]
        count = batch_size // self.pictures
        if count > len(members):
            raise UsageError(
                f"{_NAME}: batch_size={batch_size} of {self.pictures} pictures a class takes {count} classes, and the "
                f"data has {len(members)}; set batch_size={len(members) * self.pictures} or less, or more pictures"
            )
        if max(map(len, members)) < 2:
            raise KerasVisionError(f"{_NAME}: each of {len(members)} classes has one picture, which makes no pair")

        def numbers(step):
            rng = np.random.default_rng([seed, step])
            chosen = rng.choice(len(members), count, replace=False)
            return np.concatenate([_some(members[k], self.pictures, rng) for k in chosen])

        return numbers


def _some(members, count, rng):
    """`count` of a class's records in random order, each as equally often as can be."""
    whole, rest = divmod(count, len(members))
    return rng.permutation(np.concatenate([*[members] * whole, rng.choice(members, rest, replace=False)]))
