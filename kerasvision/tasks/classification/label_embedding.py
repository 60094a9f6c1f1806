"""Labels that share what they are made of: images and labels are vectors of one small space.

"Large-scale Multi-label Learning with Missing Labels" (Yu, Jain, Kar, Dhillon 2014, arXiv:1307.5101, equation 1): the
matrix from features to labels has low rank, W H', so a rare label borrows from those that lie near it. Differs from the
paper: learned by gradient descent with the backbone, in place of alternating least squares; a bias a label.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.tasks.classification._several import SeveralOfManyImages


@architectures.register("classification/label_embedding")
@dataclasses.dataclass(frozen=True)
class LabelEmbedding(SeveralOfManyImages):
    """rank: dimensions of the space; the kernel of the layer `logits`, [rank, K], has a label in each column."""

    rank: int = 16

    def __post_init__(self):
        super().__post_init__()
        if self.rank < 1:
            raise UsageError(f"LabelEmbedding: rank={self.rank}; allowed: 1 or more")

    def head(self, x):
        vector = keras.layers.Dense(self.rank, use_bias=False, name="embedding")(self.pooled(x))
        return keras.layers.Dense(self.num_classes, name="logits")(vector)
