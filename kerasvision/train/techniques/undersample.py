"""Undersampling: of frequent classes only a part of the examples is seen."""

import dataclasses

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.sampling import class_counts, even_repeats, labels_of, repeated
from kerasvision.train.techniques._balance import require_label
from kerasvision.train.techniques.base import Technique


@techniques.register("undersample")
@dataclasses.dataclass(frozen=True)
class Undersample(Technique):
    """No class has more than `ratio` times the examples of the smallest one: 1 makes all equal. Which examples stay is
    drawn from the seed. Members of a bagging ensemble have a seed each.
    """

    ratio: float = 1.0
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not self.ratio >= 1:
            raise UsageError(f"undersample.ratio={self.ratio:g}; allowed: 1 or more")

    def records(self, split, arch):
        require_label(self, arch)
        labels = labels_of(split)
        counts = class_counts(labels, arch.num_classes)
        wanted = np.minimum(counts, np.rint(self.ratio * counts.min()).astype(int))
        return repeated(split, even_repeats(labels, wanted, self.seed))
