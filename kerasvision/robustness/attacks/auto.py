"""AutoAttack: four attacks one after the other, each on the pictures that the ones before left right.

"Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks" (Croce and Hein 2020,
arXiv:2003.01690, section 6): `apgd_ce`, `apgd_dlr` towards each of the 9 likeliest other classes, `fab` towards each,
`square` of 5,000 questions; 100 steps, begun once.
"""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm, length
from kerasvision.robustness.attacks._borders import likeliest
from kerasvision.robustness.attacks.apgd_ce import APGDCE
from kerasvision.robustness.attacks.apgd_dlr import APGDDLR
from kerasvision.robustness.attacks.base import Attack, Goal
from kerasvision.robustness.attacks.fab import FAB
from kerasvision.robustness.attacks.square import Square


@attacks.register("auto")
@dataclasses.dataclass(frozen=True)
class Auto(Attack):
    """By Linf. steps: of each attack with gradients. candidates: classes that it is tried towards. queries: of
    `square`. Of 3 classes `apgd_dlr` goes towards none, and of 2 it is left out: its loss needs more.
    """

    radius: float = 8 / 255
    steps: int = 100
    candidates: int = 9
    queries: int = 5000

    norm: typing.ClassVar[Norm] = "linf"

    def moved(self, model, images, score, random):
        if score.targets is not None:
            raise UsageError("attacks/auto asks for any wrong class and takes no target; pgd and apgd_ce do")
        logits = np.asarray(model.logits(images))
        others = likeliest(logits, score.labels, self.candidates)
        left = _Left(model, images, score, ~score.reached(logits), self.radius)
        left.attack(APGDCE(self.radius, "linf", self.steps), random)
        slowly = APGDDLR(self.radius, "linf", self.steps)
        if logits.shape[1] > 3:
            left.attack_towards(slowly, others, random)
        elif logits.shape[1] == 3:
            left.attack(slowly, random)
        left.attack_towards(FAB("linf", self.steps), others, random)
        left.attack(Square(self.radius, self.queries), random)
        return left.found


class _Left:
    """Pictures, and which of them are still right."""

    def __init__(self, model, images, goal, open_ones, radius):
        self.model, self.images, self.goal, self.radius = model, images, goal, radius
        self.found, self.open = np.array(images), open_ones

    def attack_towards(self, attack, others, random):
        for column in others.T:
            self.attack(attack, random, Goal(self.goal.labels, None, column))

    def attack(self, attack, random, goal=None):
        chosen = np.flatnonzero(self.open)
        if not len(chosen):
            return
        part = (goal or self.goal).of(chosen)
        moved = np.asarray(attack.moved(self.model, self.images[chosen], part, random))
        near = length(moved - self.images[chosen], "linf") <= self.radius + 1e-6
        wrong = near & part.reached(self.model.logits(moved))
        self.found[chosen[wrong]] = moved[wrong]
        self.open[chosen[wrong]] = False
