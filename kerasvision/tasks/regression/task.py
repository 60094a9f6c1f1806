"""The contract of image regression."""

import dataclasses
import typing

from kerasvision.tasks._numbers import NumbersModel
from kerasvision.tasks.image import ImageArchitecture


@dataclasses.dataclass(frozen=True)
class Regression(NumbersModel, ImageArchitecture):
    """Abstract. The fields are `NumbersModel`'s."""

    num_outputs: int = 0
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None

    name: typing.ClassVar[str] = "regression"
