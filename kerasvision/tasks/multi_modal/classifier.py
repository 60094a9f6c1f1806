"""One class from a picture, a text and numbers: softmax over logits of what they make together."""

import dataclasses
import typing

from kerasvision.core.registry import architectures
from kerasvision.tasks._one_of_several import OneOfSeveral, Scaling, TuneFor
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.multi_modal._logits import ClassesOfSenses


@architectures.register("multi_modal/classifier")
@dataclasses.dataclass(frozen=True)
class MultiModalClassifier(ClassesOfSenses, OneOfSeveral):
    """The fields are `MultiModal`'s and `OneOfSeveral`'s. Raw is `{"logits": [B, K]}`; predictions have `probabilities`
    float32 [B, K]. num_classes: 0 takes the number from the data. label_smoothing: 0..1 (Szegedy et al. 2016,
    arXiv:1512.00567, section 7).
    """

    num_classes: int = 0
    label_smoothing: float = 0.0
    tune_for: TuneFor = "nothing"
    class_factors: tuple[float, ...] = ()
    scaling: Scaling = "nothing"
    class_sets: ClassSets = ClassSets()

    name: typing.ClassVar[str] = "multi_modal"
