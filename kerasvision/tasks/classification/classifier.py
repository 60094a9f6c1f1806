"""One class for each image: softmax over logits, cross-entropy with label smoothing.

Label smoothing: "Rethinking the Inception Architecture for Computer Vision" (Szegedy et al. 2016, arXiv:1512.00567,
section 7).
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.tasks._one_of_several import OneOfSeveral, Scaling, TuneFor
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.classification.task import Classification


@architectures.register("classification/classifier")
@dataclasses.dataclass(frozen=True)
class Classifier(OneOfSeveral, Classification):
    """The fields are `Classification`'s and `OneOfSeveral`'s. Loss: cross-entropy between softmax(logits) and label."""

    tune_for: TuneFor = "nothing"
    class_factors: tuple[float, ...] = ()
    scaling: Scaling = "nothing"
    class_sets: ClassSets = ClassSets()

    name: typing.ClassVar[str] = "classification"

    def head(self, x):
        return keras.layers.Dense(self.num_classes, name="logits")(self.pooled(x))
