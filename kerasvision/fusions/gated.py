"""The sum of the senses' vectors, weighted by a softmax of what a dense layer says of all: "Gated Multimodal Units for
Information Fusion" (Arevalo et al. 2017, arXiv:1702.01992, section 3.1), with one gate a sense.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import fusions
from kerasvision.fusions.base import Fusion
from kerasvision.layers.senses import SharedSum, Shares


@fusions.register("gated")
@dataclasses.dataclass(frozen=True)
class Gated(Fusion):
    """A sense that is missing has no share. Has no fields."""

    def __call__(self, senses, flags, width):
        vectors = [sense.vector(width) for sense in senses]
        every = keras.layers.Concatenate(name="senses_joined")(vectors)
        scores = keras.layers.Dense(len(senses), name="gates")(every)
        return SharedSum(name="fused")([*vectors, Shares(name="gate_shares")([scores, flags])])
