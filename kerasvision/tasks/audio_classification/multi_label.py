"""Any number of classes for each sound, as of birds that sing at once: a sigmoid a class (binary relevance, Tsoumakas
and Katakis 2007).
"""

import dataclasses
import typing

from kerasvision.core.registry import architectures
from kerasvision.tasks._several_of_many import SeveralOfMany
from kerasvision.tasks.audio_classification.task import AudioClassification


@architectures.register("audio_classification/multi_label")
@dataclasses.dataclass(frozen=True)
class AudioMultiLabel(AudioClassification, SeveralOfMany):
    """Like `audio_classification/classifier`, with independent classes. thresholds, top_k: see `SeveralOfMany`."""

    thresholds: tuple[float, ...] = ()
    top_k: int = 0

    name: typing.ClassVar[str] = "multi_label_audio_classification"
