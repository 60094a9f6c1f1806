"""Oversampling: examples of rare classes come several times in a pass over the data."""

import dataclasses

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.sampling import class_counts, even_repeats, labels_of, repeated
from kerasvision.train.techniques._balance import require_label
from kerasvision.train.techniques.base import Technique


@techniques.register("oversample")
@dataclasses.dataclass(frozen=True)
class Oversample(Technique):
    """Every class comes at least `ratio` times as often as the largest one: 1 makes all equal. Exact counts; examples
    of a class are repeated as evenly as they can be, and each repetition is augmented by itself.
    """

    ratio: float = 1.0
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.ratio <= 1:
            raise UsageError(f"oversample.ratio={self.ratio:g}; allowed: above 0 to 1")

    def records(self, split, arch):
        require_label(self, arch)
        labels = labels_of(split)
        counts = class_counts(labels, arch.num_classes)
        wanted = np.maximum(counts, np.rint(self.ratio * counts.max()).astype(int))
        return repeated(split, even_repeats(labels, wanted, self.seed))
