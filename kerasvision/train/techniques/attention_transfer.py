"""Attention transfer: a student's maps of where it is active learn to be a teacher's.

"Paying More Attention to Attention" (Zagoruyko, Komodakis 2017, arXiv:1612.03928, section 3.1): the map is the sum of
squares over channels, divided by its norm over positions (equation 2). The term is the mean square of the difference,
as in the authors' program; the paper's formula has the norm itself, whose gradient has no value where maps agree.
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.registry import techniques
from kerasvision.train.techniques._features import FeatureTechnique

LEAST = 1e-12  # of a squared norm: a map that is 0 everywhere stays 0


@techniques.register("attention_transfer")
@dataclasses.dataclass(frozen=True)
class AttentionTransfer(FeatureTechnique):
    """The mean square of the difference of two maps [B, positions] of norm 1, at each of the places `at`.

    The fields are `FeatureTechnique`'s. Channels need not agree. weight: the authors' 1000.
    """

    teacher: str
    at: tuple[str, ...]
    teacher_at: tuple[str, ...] = ()
    weight: float = 1000.0

    mark = "attention"

    def compared(self, x, channels, name):
        return x

    def apart(self, seen, own):
        return tf.reduce_mean(tf.math.squared_difference(attention(seen), attention(own)), -1)


def attention(features):
    """[B, ..., C] -> [B, positions], of norm 1."""
    energy = tf.reduce_sum(tf.square(features), -1)
    return tf.math.l2_normalize(tf.reshape(energy, [tf.shape(energy)[0], -1]), -1, LEAST)
