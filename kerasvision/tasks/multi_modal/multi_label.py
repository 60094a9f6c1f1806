"""Any number of classes from a picture, a text and numbers: a sigmoid a class of what they make together.

Binary relevance: "Multi-Label Classification: An Overview" (Tsoumakas, Katakis 2007, International Journal of Data
Warehousing and Mining 3(3), 1-13).
"""

import dataclasses
import typing

from kerasvision.core.registry import architectures
from kerasvision.tasks._several_of_many import SeveralOfMany
from kerasvision.tasks.multi_modal._logits import ClassesOfSenses


@architectures.register("multi_modal/multi_label")
@dataclasses.dataclass(frozen=True)
class MultiModalMultiLabel(ClassesOfSenses, SeveralOfMany):
    """Like `multi_modal/classifier`, with independent classes. thresholds, top_k: see `SeveralOfMany`."""

    num_classes: int = 0
    label_smoothing: float = 0.0
    thresholds: tuple[float, ...] = ()
    top_k: int = 0

    name: typing.ClassVar[str] = "multi_label_multi_modal"
