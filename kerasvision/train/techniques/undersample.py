"""Undersampling: of frequent classes only a part comes.

Compared with the other remedies for class imbalance in "A systematic study of the class imbalance problem in
convolutional neural networks" (Buda, Maki, Mazurowski 2018, arXiv:1710.05381).
"""

import dataclasses
import typing

from kerasvision.core.registry import techniques
from kerasvision.data.sampling import undersampled
from kerasvision.train.techniques._classes import require_classes
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.oversample import check_rate


@techniques.register("undersample")
@dataclasses.dataclass(frozen=True)
class Undersample(Technique):
    """No class comes more than ratio times as often as the smallest one, exactly, in every pass over the data.

    ratio: 1 makes all equal. seed: which examples stay, the same ones throughout the phase. An epoch becomes as much
    shorter: give the phase more of them. For one class an example.
    """

    rivals: typing.ClassVar[str] = "alike"

    ratio: float = 1.0
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_rate("undersample", self.ratio, self.seed)

    def records(self, split, arch):
        require_classes("undersample", arch)
        return undersampled(split, self.ratio, self.seed, "undersample")
