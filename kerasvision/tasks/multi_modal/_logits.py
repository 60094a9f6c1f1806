"""What models of several senses share whose raw output is a logit for each class."""

import dataclasses

import tf_keras as keras

from kerasvision.tasks.multi_modal.task import MultiModal


@dataclasses.dataclass(frozen=True)
class ClassesOfSenses(MultiModal):
    """Abstract. Raw is `{"logits": [B, K]}`. Concrete ones have a field `num_classes`, K."""

    def build(self):
        self.require_classes()
        inputs = self.graph_inputs()
        return keras.Model(inputs, {"logits": self.dense(inputs)(self.num_classes, "logits")}, name=self.name)

    def embedding(self, graph):
        """The Keras tensor [B, width] of a graph that the logits are made of: all senses together."""
        return self.fusion.vector_of(graph.output["logits"])
