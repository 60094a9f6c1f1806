"""Bagging: a member of an ensemble sees examples drawn with replacement: "Bagging Predictors" (Breiman 1996, Machine
Learning 24, doi:10.1007/BF00058655), and its balanced form: "Class Imbalance, Redux" (Wallace, Small, Brodley,
Trikalinos 2011, ICDM, doi:10.1109/ICDM.2011.33): each member undersamples the frequent classes in its own way.
"""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.sampling import bagged
from kerasvision.train.techniques._classes import require_classes
from kerasvision.train.techniques.base import Technique


@techniques.register("bag")
@dataclasses.dataclass(frozen=True)
class Bag(Technique):
    """seed: which examples are drawn, the same ones throughout the phase; another one for each member that
    `kerasvision ensemble` joins. balanced: of every class as many as the rarest has (an epoch becomes as much shorter);
    else as many examples in all as there are. Balanced is for one class an example.
    """

    seed: int = 0
    balanced: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.seed < 0:
            raise UsageError(f"bag.seed: got {self.seed}; allowed: 0 or more")

    def records(self, split, arch):
        if self.balanced:
            require_classes("bag", arch)
        return bagged(split, self.balanced, self.seed, "bag")
