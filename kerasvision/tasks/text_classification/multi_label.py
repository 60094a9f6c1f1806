"""Any number of classes for each text: a sigmoid a class (binary relevance, Tsoumakas and Katakis 2007)."""

import dataclasses
import typing

from kerasvision.core.registry import architectures
from kerasvision.tasks._several_of_many import SeveralOfMany
from kerasvision.tasks.text_classification.task import TextClassification


@architectures.register("text_classification/multi_label")
@dataclasses.dataclass(frozen=True)
class TextMultiLabel(TextClassification, SeveralOfMany):
    """Like `text_classification/classifier`, with independent classes. thresholds, top_k: see `SeveralOfMany`."""

    thresholds: tuple[float, ...] = ()
    top_k: int = 0

    name: typing.ClassVar[str] = "multi_label_text_classification"
