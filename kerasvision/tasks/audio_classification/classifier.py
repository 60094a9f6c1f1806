"""One class for each sound: an image backbone on its log-mel picture ("CNN Architectures for Large-Scale Audio
Classification", Hershey et al. 2017, arXiv:1609.09430), softmax over logits, cross-entropy with label smoothing
(Szegedy et al. 2016, arXiv:1512.00567, section 7).
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.pooling import Pooling, pool
from kerasvision.tasks._one_of_several import OneOfSeveral, Scaling, TuneFor
from kerasvision.tasks.audio import AudioModel
from kerasvision.tasks.class_sets import ClassSets


@architectures.register("audio_classification/classifier")
@dataclasses.dataclass(frozen=True)
class AudioClassifier(OneOfSeveral, AudioModel):
    """The fields are `AudioModel`'s and `OneOfSeveral`'s. Loss: cross-entropy between softmax(logits) and label.

    num_classes: 0 takes the number from the data. pooling: over the last level's positions. dropout: before the last
    layer.
    """

    num_classes: int = 0
    pooling: Pooling = "average"
    dropout: float = 0.0
    label_smoothing: float = 0.0
    tune_for: TuneFor = "nothing"
    class_factors: tuple[float, ...] = ()
    scaling: Scaling = "nothing"
    class_sets: ClassSets = ClassSets()

    name: typing.ClassVar[str] = "audio_classification"

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
