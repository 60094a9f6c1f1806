"""Projected gradient descent: steps along the slope of the loss from random places of the ball, each time back into it.

"Towards Deep Learning Models Resistant to Adversarial Attacks" (Madry et al. 2017, arXiv:1706.06083, section 2.1).
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm, drawn
from kerasvision.robustness.attacks._climbing import climbed
from kerasvision.robustness.attacks.base import Attack


@attacks.register("pgd")
@dataclasses.dataclass(frozen=True)
class PGD(Attack):
    """step_size: pixels counted 0..1; 0 is 2.5 * radius / steps, by which any place of the ball can be reached.
    restarts: how often it begins; what reached its goal once is left alone. random_start: begin somewhere in the ball.
    """

    radius: float = 8 / 255
    norm: Norm = "linf"
    steps: int = 20
    step_size: float = 0.0
    restarts: int = 1
    random_start: bool = True

    by_loss: typing.ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.step_size < float("inf"):
            raise UsageError(
                f"attacks/pgd.step_size={self.step_size:g}; allowed: above 0, or 0 for 2.5 * radius / steps"
            )

    def moved(self, model, images, score, random):
        found, open_ones = np.array(images), np.arange(len(images))
        for _ in range(self.restarts):
            some, goal = images[open_ones], score.of(open_ones)
            start = some
            if self.random_start:
                start = np.clip(some + drawn(some.shape, self.radius, self.norm, random), 0, 1)
            size = self.step_size or 2.5 * self.radius / self.steps
            found[open_ones] = climbed(model, some, tf.constant(start), goal, self, size)
            open_ones = open_ones[~goal.reached(model.logits(found[open_ones]))]
            if not len(open_ones):
                break
        return found
