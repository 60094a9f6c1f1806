"""The contract of text classification: a text in, probabilities of classes out."""

import dataclasses

import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.tasks.text import TextModel


@dataclasses.dataclass(frozen=True)
class TextClassification(TextModel):
    """Abstract. Raw is `{"logits": [B, K]}`; every prediction has `probabilities` float32 [B, K].

    num_classes: 0 takes the number from the data. label_smoothing: 0..1 (Szegedy et al. 2016, arXiv:1512.00567).
    """

    num_classes: int = 0
    label_smoothing: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"model.label_smoothing={self.label_smoothing:g}; allowed: 0 to less than 1")

    def build(self):
        if self.num_classes < 2:
            raise KerasVisionError(
                f"{self.registered_name} needs at least two classes and has num_classes={self.num_classes}; "
                "set model.num_classes, or let the data decide with 0"
            )
        inputs = self.graph_inputs()
        logits = self.units(inputs, self.encoded(inputs), self.num_classes, "logits")
        return keras.Model(inputs, {"logits": logits}, name=self.name)

    def embedding(self, graph):
        """The encoder's vector."""
        return self.vector_of(graph.output["logits"])
