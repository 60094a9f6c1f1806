"""Cost-sensitive learning: some mistakes cost more than others.

"The Foundations of Cost-Sensitive Learning" (Elkan 2001, IJCAI, equation 1): the expected cost of an answer.
"""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.losses.classification import expected_cost
from kerasvision.train.techniques._balance import require_label
from kerasvision.train.techniques.base import Technique


@techniques.register("cost_matrix")
@dataclasses.dataclass(frozen=True)
class CostMatrix(Technique):
    """The expected cost of answering by the model's probabilities, beside the architecture's own loss.

    costs: row, the true class; column, the answer: what that mistake costs, 0 or more; 0 on the diagonal. weight: of
    the expected cost. alone: whether it takes the place of the cross-entropy; it learns slowly from a fresh start.
    """

    costs: tuple[tuple[float, ...], ...]
    weight: float = 1.0
    alone: bool = False

    def __post_init__(self):
        super().__post_init__()
        side = len(self.costs)
        if side < 2 or any(len(row) != side for row in self.costs):
            raise UsageError(
                f"cost_matrix.costs has rows of {[len(r) for r in self.costs]}; allowed: K rows of K numbers"
            )
        if any(self.costs[i][i] for i in range(side)) or min(min(row) for row in self.costs) < 0:
            raise UsageError("cost_matrix.costs: allowed: numbers of 0 or more, and 0 for the right answer")
        if not self.weight > 0:
            raise UsageError(f"cost_matrix.weight={self.weight:g}; allowed: above 0")

    def look_at(self, arch, split):
        require_label(self, arch)
        if len(self.costs) != arch.num_classes:
            raise UsageError(f"cost_matrix.costs is of {len(self.costs)} classes, and the data has {arch.num_classes}")
        return self

    def objective(self, loss):
        def with_cost(targets, raw):
            own = {} if self.alone else loss(targets, raw)
            return own | {"expected_cost": self.weight * expected_cost(targets["logits"], raw["logits"], self.costs)}

        return with_cost
