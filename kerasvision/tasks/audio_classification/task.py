"""What classifiers of sounds share: an image backbone on a log-mel picture ("CNN Architectures for Large-Scale Audio
Classification", Hershey et al. 2017, arXiv:1609.09430), a mean over positions, and a logit for each class.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.layers.pooling import Pooling, pool
from kerasvision.tasks._classes import Classes
from kerasvision.tasks.audio import AudioModel


@dataclasses.dataclass(frozen=True)
class AudioClassification(AudioModel, Classes):
    """Abstract. Raw is `{"logits": [B, K]}`; every prediction has `probabilities` float32 [B, K].

    num_classes: 0 takes the number from the data. pooling: over the last level's positions. dropout: before the last
    layer. label_smoothing: 0..1 (Szegedy et al. 2016, arXiv:1512.00567, section 7).
    """

    num_classes: int = 0
    pooling: Pooling = "average"
    dropout: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout={self.dropout:g}; allowed: 0 to less than 1")

    def build(self):
        self.require_classes()
        return super().build()

    def heads(self, x):
        held = pool(x, self.pooling, name="pool")
        held = keras.layers.Dropout(self.dropout, name="dropout")(held) if self.dropout else held
        return {"logits": keras.layers.Dense(self.num_classes, name="logits")(held)}
