"""A place to look for each label: class-specific residual attention.

"Residual Attention: A Simple but Effective Method for Multi-Label Recognition" (Zhu, Wu 2021, arXiv:2108.02456,
equations 1 to 5): a label's score is its mean over all positions, plus a share of its mean weighted by where it is
strongest. Differs from the paper: one head; the classifier's weights are not normalized.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.scale import Scale
from kerasvision.tasks.classification._several import SeveralOfManyImages
from kerasvision.tasks.image import ImageArchitecture


@architectures.register("classification/label_attention")
@dataclasses.dataclass(frozen=True)
class LabelAttention(SeveralOfManyImages):
    """temperature: how sharply a label looks at its strongest position; above 50 or so it is the maximum. share: of the
    attended score beside the mean (the paper's lambda). pooling: has no part in it.
    """

    temperature: float = 2.0
    share: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if self.temperature <= 0 or self.share < 0:
            raise UsageError(
                f"LabelAttention: temperature={self.temperature:g}, share={self.share:g}; allowed: a temperature above "
                "0 and a share of 0 or more"
            )

    def embedding(self, graph):
        """The mean of the last level: each label makes a vector of its own of it, and there is none for all."""
        return ImageArchitecture.embedding(self, graph)

    def head(self, x):
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        scores = keras.layers.Conv2D(self.num_classes, 1, name="scores")(x)  # equation 1, of each position
        h, w = scores.shape[1:3]
        flat = keras.layers.Reshape((h * w, self.num_classes), name="positions")(scores)
        mean = keras.layers.GlobalAveragePooling1D(name="mean")(flat)
        sharp = Scale(self.temperature, name="sharp")(flat)
        weights = keras.layers.Softmax(axis=1, name="weights")(sharp)  # equation 2
        attended = keras.layers.Multiply(name="attended")([flat, weights])
        # the sum over positions of equation 3, as their mean times their number
        where = Scale(self.share * h * w, name="share")(keras.layers.GlobalAveragePooling1D(name="where")(attended))
        return keras.layers.Add(name="logits")([mean, where])
