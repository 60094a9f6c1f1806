"""One sense conditions the others: "FiLM: Visual Reasoning with a General Conditioning Layer" (Perez et al. 2018,
arXiv:1709.07871). A question conditions the picture that it is asked about.

Equation 2 with gamma = 1 + what is learned (section 7.2 of its appendix); blocks as in its figure 3, without the batch
normalization, in whose statistics pictures that are missing would have a part, and without maps of coordinates.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import fusions
from kerasvision.fusions.base import Fusion
from kerasvision.layers.senses import Modulate, StandIn


@fusions.register("film")
@dataclasses.dataclass(frozen=True)
class FiLM(Fusion):
    """by: the sense that conditions the others. blocks: residual ones, of each of the others; of a picture they work on
    its last level, which they end with its maximum over positions. Where `by` is missing, a learned vector conditions.
    """

    by: typing.Literal["image", "text", "numbers"] = "text"
    blocks: int = 2

    def check(self, senses, width):
        if self.by not in senses:
            raise UsageError(
                f"fusions/film: by={self.by!r} is none of the model's senses; allowed: {', '.join(senses)}"
            )
        if self.blocks < 1:
            raise UsageError(f"fusions/film: blocks={self.blocks}; allowed: 1 or more")

    def __call__(self, senses, flags, width):
        condition = next(sense for sense in senses if sense.name == self.by).vector(width)
        parts = [self._conditioned(sense, condition, width) for sense in senses if sense.name != self.by]
        every = keras.layers.Concatenate(name="senses_joined")([*parts, condition])
        return keras.layers.Dense(width, activation="relu", name="fused")(every)

    def _conditioned(self, sense, condition, width):
        """[B, width] of one sense."""
        x, name = sense.values, sense.name
        if len(x.shape) != 4:
            x = keras.layers.Reshape((1, 1, x.shape[-1]), name=f"{name}_map")(x)
        kernel = 3 if x.shape[1] > 1 else 1
        x = keras.layers.Conv2D(width, 1, activation="relu", name=f"{name}_stem")(x)
        for number in range(1, self.blocks + 1):
            x = _block(x, condition, kernel, f"{name}_film{number}")
        x = keras.layers.GlobalMaxPooling2D(name=f"{name}_pooled")(x)
        return StandIn(name=f"{name}_or_stand_in")([x, sense.there])


def _block(x, condition, kernel, name):
    width = x.shape[-1]
    x = keras.layers.Conv2D(width, 1, activation="relu", name=f"{name}_in")(x)
    y = keras.layers.Conv2D(width, kernel, padding="same", use_bias=False, name=f"{name}_conv")(x)
    gamma, beta = (keras.layers.Dense(width, name=f"{name}_{part}")(condition) for part in ("gamma", "beta"))
    y = Modulate(name=f"{name}_modulate")([y, gamma, beta])
    y = keras.layers.ReLU(name=f"{name}_relu")(y)
    return keras.layers.Add(name=f"{name}_add")([x, y])
