"""One class for each sound: softmax over logits, cross-entropy with label smoothing (Szegedy et al. 2016,
arXiv:1512.00567, section 7).
"""

import dataclasses
import typing

from kerasvision.core.registry import architectures
from kerasvision.tasks._one_of_several import OneOfSeveral, Scaling, TuneFor
from kerasvision.tasks.audio_classification.task import AudioClassification
from kerasvision.tasks.class_sets import ClassSets


@architectures.register("audio_classification/classifier")
@dataclasses.dataclass(frozen=True)
class AudioClassifier(AudioClassification, OneOfSeveral):
    """The fields are `AudioModel`'s, `AudioClassification`'s and `OneOfSeveral`'s."""

    tune_for: TuneFor = "nothing"
    class_factors: tuple[float, ...] = ()
    scaling: Scaling = "nothing"
    class_sets: ClassSets = ClassSets()

    name: typing.ClassVar[str] = "audio_classification"
