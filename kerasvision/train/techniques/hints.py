"""Hints: features within the student learn to predict features within a teacher.

"FitNets: Hints for Thin Deep Nets" (Romero, Ballas, Kahou, Chassang, Gatta, Bengio 2015, arXiv:1412.6550, equation 3).
The paper trains up to the hinted layer first and distills afterwards; here hints are a term beside the task's loss, and
a recipe of two phases is the paper's order. The regressor is a 1x1 convolution (the paper's is larger, and unpadded)
where channels differ, and the error is a mean over positions and channels, so that `weight` means the same for all
sizes.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import techniques
from kerasvision.train.techniques._features import FeatureTechnique


@techniques.register("hints")
@dataclasses.dataclass(frozen=True)
class Hints(FeatureTechnique):
    """Half the squared difference of features, at each of the places `at`. The fields are `FeatureTechnique`'s."""

    teacher: str
    at: tuple[str, ...]
    teacher_at: tuple[str, ...] = ()
    weight: float = 1.0

    mark = "hint"

    def compared(self, x, channels, name):
        if x.shape[-1] == channels:
            return x
        # over the last axis alone: a 1x1 convolution of maps and volumes, a dense layer of vectors
        return keras.layers.Dense(channels, name=f"{name}_regressor")(x)

    def apart(self, seen, own):
        return 0.5 * tf.reduce_mean(tf.math.squared_difference(seen, own), tuple(range(1, own.shape.rank)))
