"""What every promise about answers shares: how much is promised, whether that can be, and which examples it takes.

Promises are fitted on held-out examples, by split conformal prediction or conformal risk control (`ops.conformal`).
"""

import abc
import dataclasses
import typing

from kerasvision.core.component import Component
from kerasvision.core.errors import UsageError
from kerasvision.ops import conformal


@dataclasses.dataclass(frozen=True)
class Promise(Component):
    """Abstract. coverage: the promised share, 0 for no promise; UsageError of what cannot be promised.

    field: its name in an architecture. example, why_not_1, nothing: words of the message. counted: what it is fitted
    on.
    """

    field: typing.ClassVar[str]
    example: typing.ClassVar[str] = "0.9"
    why_not_1: typing.ClassVar[str]
    nothing: typing.ClassVar[str]
    counted: typing.ClassVar[str]

    coverage: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.coverage < 1:
            raise UsageError(
                f"{self.field}.coverage={self.coverage:g}; allowed: above 0 and below 1, as in {self.example} "
                f"({self.why_not_1}), or 0 for {self.nothing}"
            )

    @property
    @abc.abstractmethod
    def fitted_to(self):
        """tuple of float: what was fitted to held-out examples; () until it is."""

    @property
    def is_fitted(self):
        """bool: whether a coverage is promised and fitted, so that predictions have what is promised."""
        return bool(self.coverage and self.fitted_to)

    def least_examples(self):
        """The fewest that can support the promise of one threshold; of an own `coverage` above 0."""
        return conformal.needed(self.coverage)

    def require(self, examples, thresholds=1, more=""):
        """UsageError where so many examples cannot support a promise with so many thresholds, each fitted on its own
        examples. more: what else the promise asks for, for the message.
        """
        least = self.least_examples() * thresholds if self.coverage else 0
        if examples < least:
            raise UsageError(
                f"{self.field}.coverage={self.coverage:g}{more} needs {least} held-out {self.counted} or more to be "
                f"promised, and there are {examples}; set a larger validation_fraction, or promise less"
            )
