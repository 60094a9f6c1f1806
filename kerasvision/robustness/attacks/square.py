"""The square attack: squares of one color at random places, of which those are kept that hurt; by scores alone.

"Square Attack: a query-efficient black-box adversarial attack via random search" (Andriushchenko et al. 2019,
arXiv:1912.00049, algorithms 1 and 2, the schedule of section A.1 of its supplement).
"""

import dataclasses
import math
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm
from kerasvision.robustness.attacks.base import Attack

_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 questions


@attacks.register("square")
@dataclasses.dataclass(frozen=True)
class Square(Attack):
    """By Linf. queries: how often a picture is asked at most. share: of the picture that the first squares cover, 0 to
    1; it is halved again and again.
    """

    radius: float = 8 / 255
    queries: int = 1000
    share: float = 0.8

    needs_slopes: typing.ClassVar[bool] = False
    norm: typing.ClassVar[Norm] = "linf"

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise UsageError(f"attacks/square.share={self.share:g}; allowed: above 0 and up to 1")

    def moved(self, model, images, score, random):
        count, _, width, channels = images.shape
        signs = random.choice([-1.0, 1.0], (count, 1, width, channels)).astype(np.float32)
        moved = np.clip(images + self.radius * signs, 0, 1).astype(np.float32)
        lead = score.margin(model.logits(moved))
        for number in range(1, self.queries):
            still = np.flatnonzero(lead >= 0)
            if not len(still):
                break
            tried = self._tried(images[still], moved[still], number, random)
            found = score.of(still).margin(model.logits(tried))
            better = found < lead[still]
            moved[still[better]], lead[still[better]] = tried[better], found[better]
        return moved

    def _tried(self, images, moved, number, random):
        """Each picture with another square of the edge of its ball."""
        height, width, channels = images.shape[1:]
        at = number / self.queries * 10_000
        share = self.share / 2 ** sum(at > place for place in _HALVED_AT)
        side = min(max(1, round(math.sqrt(share * height * width))), height - 1, width - 1) or 1
        count, places = len(images), np.arange(side)
        y, x = (random.integers(0, length - side + 1, count)[:, None] + places for length in (height, width))
        window = (np.arange(count)[:, None, None], y[:, :, None], x[:, None, :])
        signs = random.choice([-1.0, 1.0], (count, 1, 1, channels)).astype(np.float32)
        tried = moved.copy()
        tried[window] = np.clip(images[window] + self.radius * signs, 0, 1)
        return tried
