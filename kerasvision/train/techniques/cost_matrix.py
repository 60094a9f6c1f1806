"""Costs of confusions: the expected cost of an answer, as a loss.

Elkan 2001, The Foundations of Cost-Sensitive Learning, IJCAI, section 1, where C(i, j) is the cost of answering i when
j is true. Here a row is a true class and a column an answer, as in a confusion matrix. Elkan weighs an answer by its
costs when deciding; trained with them, the probabilities themselves lean towards cheap errors and are no longer
calibrated.
"""

import dataclasses
import math
import typing

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.losses.classification import expected_cost
from kerasvision.train.techniques._classes import counted, require_classes, require_own_loss
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.co_teaching import TWIN


@techniques.register("cost_matrix")
@dataclasses.dataclass(frozen=True)
class CostMatrix(Technique):
    """weight * sum_j C[y, j] p_j beside the cross-entropy, or in its place.

    costs: C, a row for each true class, a column for each answer, in the order of the classes; 0 or more, 0 on the
    diagonal. Empty: an error on a class of n examples costs (largest n / n)^rarity, whatever it is taken for.
    replaces: the cross-entropy is left out. The gradient of what is left vanishes where the graph is sure, also of an
    error, so training from scratch is slow; start from a phase with cross-entropy. For one class an example.
    """

    rivals: typing.ClassVar[str] = "alike"

    costs: tuple[tuple[float, ...], ...] = ()
    rarity: float = 0.5
    weight: float = 1.0
    replaces: bool = False

    def __post_init__(self):
        super().__post_init__()
        size = len(self.costs)
        if size == 1 or any(len(row) != size for row in self.costs):
            shape = f"{size} rows of {', '.join(str(n) for n in sorted({len(row) for row in self.costs})) or 0}"
            raise UsageError(f"cost_matrix.costs: got {shape}; allowed: K rows of K costs, K the number of classes")
        for i, row in enumerate(self.costs):
            for j, cost in enumerate(row):
                if not (math.isfinite(cost) and cost >= 0) or (i == j and cost):
                    allowed = "0, a right answer costs nothing" if i == j else "0 or more"
                    raise UsageError(f"cost_matrix.costs[{i}][{j}]: got {cost}; allowed: {allowed}")
        if not 0 <= self.rarity < float("inf"):
            raise UsageError(f"cost_matrix.rarity: got {self.rarity}; allowed: 0 (all errors cost 1) or more")
        if not 0 < self.weight < float("inf"):
            raise UsageError(f"cost_matrix.weight: got {self.weight}; allowed: above 0")

    def fit_statistics(self, arch, split):
        require_classes("cost_matrix", arch)
        if not self.costs:
            counts = counted("cost_matrix", arch, split)
            each = [(max(counts) / n) ** self.rarity for n in counts]
            rows = tuple(tuple(0.0 if i == j else c for j in range(len(each))) for i, c in enumerate(each))
            return dataclasses.replace(self, costs=rows)
        if len(self.costs) != arch.num_classes:
            raise UsageError(
                f"cost_matrix.costs has {len(self.costs)} rows for {arch.num_classes} classes; () follows their counts"
            )
        return self

    def objective(self, loss, arch):
        if self.replaces:
            require_own_loss("cost_matrix with replaces", loss, arch)

        def with_costs(targets, raw):
            if TWIN in raw:
                raise UsageError("cost_matrix knows nothing of co_teaching's choice of examples; keep one of them")
            held = {} if self.replaces else loss(targets, raw)
            cost = expected_cost(targets["logits"], raw["logits"], self.costs)
            return held | {"expected_cost": self.weight * cost}

        return with_costs
