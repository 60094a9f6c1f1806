"""One class for each text: softmax over logits, cross-entropy with label smoothing (Szegedy et al. 2016,
arXiv:1512.00567, section 7).
"""

import dataclasses
import typing

from kerasvision.core.registry import architectures
from kerasvision.tasks._one_of_several import OneOfSeveral, Scaling, TuneFor
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.text_classification.task import TextClassification


@architectures.register("text_classification/classifier")
@dataclasses.dataclass(frozen=True)
class TextClassifier(TextClassification, OneOfSeveral):
    """The fields are `TextClassification`'s and `OneOfSeveral`'s. Loss: cross-entropy between softmax(logits) and
    label.
    """

    tune_for: TuneFor = "nothing"
    class_factors: tuple[float, ...] = ()
    scaling: Scaling = "nothing"
    class_sets: ClassSets = ClassSets()

    name: typing.ClassVar[str] = "text_classification"
