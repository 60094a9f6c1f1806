"""Imbalance made to measure: few examples of some classes, to see what that costs and what remedies are worth."""

import dataclasses

import numpy as np

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sampling import class_counts, even_repeats, labels_of, repeated
from kerasvision.data.sources.base import Opened, Source


@sources.register("long_tail")
@dataclasses.dataclass(frozen=True)
class LongTail(Source):
    """Samples: those of the source `of`, whose training split keeps fewer and fewer examples of each class.

    Class k of K keeps n ratio^(-k / (K - 1)) of its examples, n of the largest class ("Class-Balanced Loss", Cui et al.
    2019, arXiv:1901.05555, section 5.1), but at least one. Which stay is drawn from the seed. Validation and test keep
    all; a validation split that training cuts out of train is as imbalanced as train.
    """

    of: part("sources")
    ratio: float = 100.0
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not self.ratio >= 1:
            raise UsageError(f"long_tail.ratio={self.ratio:g}; allowed: 1 or more, as in 100")

    @property
    def path(self):
        """Where the data lie, as `of` has it."""
        return getattr(self.of, "path", "")

    def open(self):
        opened = self.of.open()
        train = opened.splits["train"]
        if "label" not in train.read_spec:
            raise UsageError(
                f"long_tail of {self.of.registered_name}: its samples have {', '.join(sorted(train.read_spec))}; "
                "needed: label, one class for each example"
            )
        labels, count = labels_of(train), len(opened.classes)
        counts = class_counts(labels, count)
        wanted = counts.max() * self.ratio ** (-np.arange(count) / max(1, count - 1))
        kept = np.minimum(counts, np.maximum(1, np.rint(wanted).astype(int)))
        rare = repeated(train, even_repeats(labels, kept, self.seed))
        return Opened(opened.classes, opened.splits | {"train": rare}, opened.dropped)
