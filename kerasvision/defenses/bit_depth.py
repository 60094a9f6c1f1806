"""Fewer gray levels, so that a change smaller than half a level is gone.

"Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks" (Xu, Evans, Qi 2018, arXiv:1704.01155,
section 3.1).
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import defenses
from kerasvision.defenses.base import Defense, let_through


@defenses.register("bit_depth")
@dataclasses.dataclass(frozen=True)
class BitDepth(Defense):
    """bits: 1 to 7 of each channel, 2**bits levels from 0 to 255. straight_through: gradients pass the rounding as if
    it were not there; False leaves them zero, which hides them from an attack and defends against none.

    No whole pixel is halfway between two levels, for 255 is odd.
    """

    keeps_apart: typing.ClassVar[bool] = True

    bits: int = 4
    straight_through: bool = True

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.bits <= 7:
            raise UsageError(f"bit_depth.bits={self.bits}; allowed: 1 to 7 (pixels have 8)")

    def __call__(self, pixels):
        step = 255.0 / (2**self.bits - 1)
        levels = tf.round(pixels / step) * step
        return let_through(pixels, levels) if self.straight_through else levels
