"""All senses' vectors side by side, and a dense layer that looks at all: early fusion of features ("Multimodal Machine
Learning: A Survey and Taxonomy", Baltrusaitis, Ahuja, Morency 2018, arXiv:1705.09406, section 6.1).
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import fusions
from kerasvision.fusions.base import Fusion


@fusions.register("early")
@dataclasses.dataclass(frozen=True)
class Early(Fusion):
    """Has no fields."""

    def __call__(self, senses, flags, width):
        every = keras.layers.Concatenate(name="senses_joined")([sense.vector(width) for sense in senses])
        return keras.layers.Dense(width, activation="relu", name="fused")(every)
