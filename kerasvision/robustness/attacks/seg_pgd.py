"""SegPGD: steps along the slope of a loss that first minds the pixels that are still right.

"SegPGD: An Effective and Efficient Adversarial Attack for Evaluating and Boosting Segmentation Robustness" (Gu et al.
2022, arXiv:2207.12391, algorithm 1; the share of wrong pixels rises evenly to a half).
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm, drawn, inside, steepest
from kerasvision.robustness.attacks.base import Attack


@attacks.register("seg_pgd")
@dataclasses.dataclass(frozen=True)
class SegPGD(Attack):
    """Of segmenters alone. steps: of 2.5 * radius / steps each, from a random place of the ball."""

    radius: float = 8 / 255
    norm: Norm = "linf"
    steps: int = 20

    by_loss: typing.ClassVar[bool] = True

    def moved(self, model, images, score, random):
        if not hasattr(score, "weighed"):
            raise UsageError("attacks/seg_pgd minds the pixels of a mask, and this model has none; pgd has any loss")
        moved = np.clip(images + drawn(images.shape, self.radius, self.norm, random), 0, 1)
        moved, size = tf.convert_to_tensor(moved, tf.float32), 2.5 * self.radius / self.steps
        for number in range(self.steps):
            share = number / (2 * self.steps)
            _, slope = model.slope(moved, lambda raw, share=share: score.weighed(raw, share))
            moved = inside(images, moved + steepest(slope, moved, size, self.norm), self.radius, self.norm)
        return moved
