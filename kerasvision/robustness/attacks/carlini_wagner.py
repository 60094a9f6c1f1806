"""Carlini and Wagner's attack by L2: the smallest change, weighed against how far a class is ahead.

"Towards Evaluating the Robustness of Neural Networks" (Carlini and Wagner 2016, arXiv:1608.04644, section VI.A).
"""

import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm
from kerasvision.robustness.attacks.base import Attack

_MOST, _EDGE, _RATE = 1e10, 0.999999, (0.9, 0.999, 1e-8)


@attacks.register("carlini_wagner")
@dataclasses.dataclass(frozen=True)
class CarliniWagner(Attack):
    """searches: for the weight of being wrong, which begins as `weight`, is taken ten times until that works, and is
    then halved. steps: of Adam in each, of `step_size`; they end when a tenth of them has brought nothing. confidence:
    how far another class has to be ahead, in logits.
    """

    searches: int = 9
    steps: int = 1000
    step_size: float = 0.01
    weight: float = 1e-3
    confidence: float = 0.0

    norm: typing.ClassVar[Norm] = "l2"

    def __post_init__(self):
        super().__post_init__()
        for name, allowed in (("step_size", "above 0"), ("weight", "above 0"), ("confidence", "0 or more")):
            value = getattr(self, name)
            if not (0 < value < math.inf or (value == 0 and name == "confidence")):
                raise UsageError(f"attacks/carlini_wagner.{name}={value:g}; allowed: {allowed}")

    def moved(self, model, images, score, random):
        best, shortest = np.array(images), np.full(len(images), np.inf)
        low, high = np.zeros(len(images)), np.full(len(images), _MOST)
        weight = np.full(len(images), self.weight)
        for number in range(self.searches):
            if number == self.searches - 1 and self.searches >= 10:
                weight = np.minimum(high, _MOST)  # the paper's code: the last is asked with the largest that worked
            found, size = self._searched(model, images, score, weight.astype(np.float32))
            better = size < shortest
            best[better], shortest[better] = found[better], size[better]
            wrong = np.isfinite(size)
            high, low = np.where(wrong, weight, high), np.where(wrong, low, weight)
            weight = np.where(high < _MOST, (low + high) / 2, weight * 10)
        return best

    def _searched(self, model, images, goal, weight):
        """(the nearest pictures with their goal reached, the square of their distance or infinity)."""
        place = np.arctanh((images * 2 - 1) * np.float32(_EDGE))
        origin = (np.tanh(place) + 1) / 2
        best, shortest = np.array(images), np.full(len(images), np.inf)
        adam, before = _Adam(place, self.step_size), np.inf
        for number in range(self.steps):
            tanh = np.tanh(adam.place)
            moved = (tanh + 1) / 2
            lead, slope, reached = self._lead(model, moved, goal)
            square = np.square(moved - origin).reshape(len(images), -1).sum(1)
            better = reached & (square < shortest)
            best[better], shortest[better] = moved[better], square[better]
            total = float((square + weight * lead).sum())
            if number % max(math.ceil(self.steps / 10), 1) == 0:
                if total > 0.9999 * before:
                    break
                before = total
            by_pixel = 2 * (moved - origin) + weight[:, None, None, None] * slope
            adam.step(by_pixel * (1 - np.square(tanh)) / 2)
        return best, shortest

    def _lead(self, model, moved, goal):
        """(what is left to the goal, its slope, whether the goal is reached with confidence); numpy."""
        wanted = goal.labels if goal.targets is None else goal.targets
        sign = 1.0 if goal.targets is None else -1.0
        kept = {}

        def left(logits):
            own = tf.gather(logits, wanted, batch_dims=1)
            others = logits - 1e9 * tf.one_hot(wanted, logits.shape[1])
            kept["ahead"] = sign * (own - tf.reduce_max(others, 1))
            return tf.nn.relu(kept["ahead"] + self.confidence)

        lead, slope = model.slope(moved, left)
        reached = np.asarray(kept["ahead"]) + self.confidence < 0
        return np.asarray(lead), np.asarray(slope), reached


class _Adam:
    """Adam by numpy, of one array that begins at `place`."""

    def __init__(self, place, rate):
        self.place, self.rate, self.number = place.copy(), rate, 0
        self.mean, self.square = np.zeros_like(place), np.zeros_like(place)

    def step(self, slope):
        first, second, least = _RATE
        self.number += 1
        self.mean = first * self.mean + (1 - first) * slope
        self.square = second * self.square + (1 - second) * np.square(slope)
        mean = self.mean / (1 - first**self.number)
        spread = np.sqrt(self.square / (1 - second**self.number))
        self.place -= np.float32(self.rate) * (mean / (spread + least)).astype(np.float32)
