"""What answers with any number of classes for each image share."""

import dataclasses
import typing

from kerasvision.tasks._several_of_many import SeveralOfMany
from kerasvision.tasks.classification.task import Classification


@dataclasses.dataclass(frozen=True)
class SeveralOfManyImages(SeveralOfMany, Classification):
    """Abstract. Fields: those of `SeveralOfMany` and `Classification`."""

    thresholds: tuple[float, ...] = ()
    top_k: int = 0

    name: typing.ClassVar[str] = "multi_label_classification"
