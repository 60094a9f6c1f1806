"""Oversampling: examples of rare classes come several times a pass.

Compared with the other remedies for class imbalance in "A systematic study of the class imbalance problem in
convolutional neural networks" (Buda, Maki, Mazurowski 2018, arXiv:1710.05381).
"""

import dataclasses
import typing

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.sampling import oversampled
from kerasvision.train.techniques._classes import require_classes
from kerasvision.train.techniques.base import Technique


@techniques.register("oversample")
@dataclasses.dataclass(frozen=True)
class Oversample(Technique):
    """Every class comes at least 1 / ratio times as often as the largest one, exactly, in every pass over the data.

    ratio: 1 makes all equal. Examples of a class are repeated as evenly as possible: their counts differ by one at
    most, and `seed` draws which come once more. An epoch becomes as much longer. Repeats are augmented each in its own
    way; with the recipe's cache each is held in memory. For one class an example.
    """

    rivals: typing.ClassVar[str] = "alike"

    ratio: float = 1.0
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_rate("oversample", self.ratio, self.seed)

    def records(self, split, arch):
        require_classes("oversample", arch)
        return oversampled(split, self.ratio, self.seed, "oversample")


def check_rate(name, ratio, seed):
    """One line about a ratio or a seed that means nothing."""
    if not 1 <= ratio < float("inf"):
        raise UsageError(f"{name}.ratio: got {ratio}; allowed: 1 (all classes alike) or more")
    if seed < 0:
        raise UsageError(f"{name}.seed: got {seed}; allowed: 0 or more")
