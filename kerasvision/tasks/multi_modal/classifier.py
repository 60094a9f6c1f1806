"""One class from a picture, a text and numbers: softmax over logits of what they make together."""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.tasks._one_of_several import OneOfSeveral, Scaling, TuneFor
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.multi_modal.task import MultiModal


@architectures.register("multi_modal/classifier")
@dataclasses.dataclass(frozen=True)
class MultiModalClassifier(MultiModal, OneOfSeveral):
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

    def build(self):
        self.require_classes()
        inputs = self.graph_inputs()
        return keras.Model(inputs, {"logits": self.dense(inputs)(self.num_classes, "logits")}, name=self.name)

    def embedding(self, graph):
        """The Keras tensor [B, width] of a graph that the logits are made of: all senses together."""
        return self.fusion.vector_of(graph.output["logits"])
