"""The contract of text classification: a text in, probabilities of classes out."""

import dataclasses

import tf_keras as keras

from kerasvision.tasks._classes import Classes
from kerasvision.tasks.text import TextModel


@dataclasses.dataclass(frozen=True)
class TextClassification(TextModel, Classes):
    """Abstract. Raw is `{"logits": [B, K]}`; every prediction has `probabilities` float32 [B, K].

    num_classes: 0 takes the number from the data. label_smoothing: 0..1 (Szegedy et al. 2016, arXiv:1512.00567).
    """

    num_classes: int = 0
    label_smoothing: float = 0.0

    def build(self):
        self.require_classes()
        inputs = self.graph_inputs()
        logits = self.units(inputs, self.encoded(inputs), self.num_classes, "logits")
        return keras.Model(inputs, {"logits": logits}, name=self.name)

    def embedding(self, graph):
        """The encoder's vector."""
        return self.vector_of(graph.output["logits"])
