"""HopSkipJump: along the border between classes to the point of it that is nearest, by decisions alone.

"HopSkipJumpAttack: A Query-Efficient Decision-Based Attack" (Chen et al. 2019, arXiv:1904.02144, algorithm 2).
"""

import dataclasses
import math
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import length
from kerasvision.robustness.attacks.base import Attack

_TRIES, _AT_ONCE = 100, 512


@attacks.register("hop_skip_jump")
@dataclasses.dataclass(frozen=True)
class HopSkipJump(Attack):
    """As small a change as it finds. It begins at a picture of noise that is called otherwise. steps: each estimates
    the border's direction from `questions` * sqrt(number of the step) decisions, at most `most`.
    """

    norm: typing.Literal["l2", "linf"] = "l2"
    steps: int = 20
    questions: int = 100
    most: int = 10_000

    needs_slopes: typing.ClassVar[bool] = False

    def moved(self, model, images, score, random):
        if score.targets is not None:
            raise UsageError("attacks/hop_skip_jump begins at noise, which is seldom called a target; pgd takes one")
        found = np.array(images)
        for number, (image, label) in enumerate(zip(images, score.labels, strict=True)):
            found[number] = _Border(self, model, image, label, random).nearest()
        return found


class _Border:
    """The border around one picture."""

    def __init__(self, attack, model, image, label, random):
        self.attack, self.model, self.image, self.label, self.random = attack, model, image, label, random
        self.by_l2 = attack.norm == "l2"
        size = image.size
        self.exact = max(size ** (-1.5 if self.by_l2 else -2.0), 1e-6)  # the paper's theta, no finer than float32
        self.least = model.pixel_step * math.sqrt(size)

    def _wrong(self, pictures):
        """Whether each of [N, h, w, 3] is called otherwise, bool [N]."""
        parts = [pictures[at : at + _AT_ONCE] for at in range(0, len(pictures), _AT_ONCE)]
        return np.concatenate([self.model.decided(part.astype(np.float32)) for part in parts]) != self.label

    def _far(self, picture):
        return float(length((picture - self.image)[None], self.attack.norm)[0])

    def _between(self, picture, share):
        """A picture nearer to the first: of L2 the mixture, of Linf as far away in each value at most. share: 0..1."""
        if self.by_l2:
            return self.image + share * (picture - self.image)
        far = share * self._far(picture)
        return np.clip(picture, self.image - far, self.image + far)

    def _to_border(self, picture):
        """The nearest picture on the way from one that is wrong, to a share of `exact`, still wrong."""
        low, high = 0.0, 1.0
        while high - low > self.exact:
            middle = (low + high) / 2
            low, high = (low, middle) if self._wrong(self._between(picture, middle)[None])[0] else (middle, high)
        return self._between(picture, high)

    def nearest(self):
        """The picture of the border, or the first one where no noise is called otherwise."""
        noise = self.random.uniform(0, 1, (_TRIES, *self.image.shape)).astype(np.float32)
        if self._wrong(self.image[None])[0] or not len(wrong := np.flatnonzero(self._wrong(noise))):
            return self.image
        moved = self._to_border(noise[wrong[0]])
        for number in range(1, self.attack.steps + 1):
            far = self._far(moved)
            size = max(0.1 if number == 1 else far / moved.size, self.least, 1e-5)
            way = self._way(moved, size, min(int(self.attack.questions * math.sqrt(number)), self.attack.most))
            ahead = self._jumped(moved, way, far / math.sqrt(number))
            ahead = moved if ahead is None else self._to_border(ahead)
            moved = ahead if self._far(ahead) < far else moved
        return moved

    def _way(self, moved, size, count):
        """The border's direction, of length 1: the mean of random directions, each to the side where it is wrong."""
        draw = self.random.normal if self.by_l2 else lambda size: self.random.uniform(-1, 1, size)
        ways = draw(size=(count, *moved.shape))
        ways /= np.sqrt(np.square(ways).sum((1, 2, 3), keepdims=True))
        asked = np.clip(moved + size * ways, 0, 1)
        ways = (asked - moved) / size
        sides = np.where(self._wrong(asked), 1.0, -1.0)
        if abs(sides.mean()) < 1:
            sides = sides - sides.mean()
        way = (sides[:, None, None, None] * ways).mean(0)
        return way / max(np.linalg.norm(way), 1e-12) if self.by_l2 else np.sign(way)

    def _jumped(self, moved, way, size):
        """A picture along the way that is still wrong, after as few halvings as needed; None where there is none."""
        for _ in range(30):
            ahead = np.clip(moved + size * way, 0, 1).astype(np.float32)
            if self._wrong(ahead[None])[0]:
                return ahead
            size /= 2
        return None
