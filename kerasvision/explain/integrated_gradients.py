"""Integrated gradients: the slopes on the way from nothing to the input, added up.

"Axiomatic Attribution for Deep Networks" (Sundararajan, Taly, Yan 2017, arXiv:1703.01365, equations 1 and 3, and
section 3: what all positions are given adds up to the change of the score).
"""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer

_LEAST = 1e-12  # of a score's change, of which 1 % is asked


@explainers.register("integrated_gradients")
@dataclasses.dataclass(frozen=True)
class IntegratedGradients(Explainer):
    """baseline: where the way begins; `black` is 0, of a volume the least value, and `mean` is one color, the mean of
    the input. steps: of the way, doubled until all positions together are given the change of the score but for
    `tolerance` of it, or `most` are reached. What speaks against the target is below 0. By the trapezoidal rule.
    """

    baseline: typing.Literal["black", "mean"] = "black"
    steps: int = 32
    most: int = 512
    tolerance: float = 0.01

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.steps <= self.most:
            raise UsageError(
                f"integrated_gradients.steps, integrated_gradients.most: got {self.steps} and {self.most}; allowed: "
                "1 <= steps <= most"
            )
        if not 0 <= self.tolerance < 1:
            raise UsageError(f"integrated_gradients.tolerance={self.tolerance:g}; allowed: 0 to less than 1")

    def heat(self, model, prepared, target):
        end, start = np.asarray(prepared, np.float32), self.start(model, prepared)
        before, after = model.scores(np.stack([start, end]), target)

        def added_up(parts):
            return model.sum_of_slopes((start + np.float32(part) * (end - start) for part in parts), target)

        steps, inner = self.steps, added_up(np.arange(1, self.steps) / self.steps)
        ends = added_up((0, 1)) / 2
        while True:
            given = (end - start) * (inner + ends) / steps
            missing = abs(float(given.sum(dtype=np.float64)) - float(after - before))
            if missing <= self.tolerance * max(abs(float(after - before)), _LEAST) or 2 * steps > self.most:
                return given.sum(-1)
            inner = inner + added_up((np.arange(steps) + 0.5) / steps)  # the new points lie between those there were
            steps *= 2

    def start(self, model, prepared):
        """Where the way to an input begins: float32 of its shape."""
        if self.baseline == "black":
            return model.black(prepared)
        given = np.asarray(prepared, np.float32)
        return np.broadcast_to(given.mean(tuple(range(given.ndim - 1))), given.shape)
