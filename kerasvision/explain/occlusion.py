"""Occlusion: how far a target's score falls when a gray square hides a part of the image.

"Visualizing and Understanding Convolutional Networks" (Zeiler, Fergus 2013, arXiv:1311.2901, section 4.2).
"""

import dataclasses
import itertools

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import explainers
from kerasvision.explain.base import BATCH, Explainer


@explainers.register("occlusion")
@dataclasses.dataclass(frozen=True)
class Occlusion(Explainer):
    """square: its side, stride: how far it moves, both fractions of the image's shorter side; of a volume each axis's
    own, whose voxels are seldom cubes. A position's heat is the mean fall over the squares that hide it. Asks the graph
    (1 / stride)^2 times, of a volume (1 / stride)^3 times, and believes no gradient.
    """

    square: float = 0.25
    stride: float = 0.0625

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.stride <= self.square <= 1:
            raise UsageError(
                f"occlusion.square, occlusion.stride: got {self.square:g} and {self.stride:g}; allowed: "
                "0 < stride <= square <= 1"
            )

    def heat(self, model, prepared, target):
        size = prepared.shape[:-1]
        of = (min(size),) * 2 if len(size) == 2 else size
        sides, steps = ([max(1, round(part * side)) for side in of] for part in (self.square, self.stride))
        places = list(itertools.product(*map(_starts, size, sides, steps)))
        hidden_by = [tuple(slice(a, a + side) for a, side in zip(place, sides, strict=True)) for place in places]
        gray = prepared.mean(tuple(range(len(size))))
        gray = np.rint(gray).astype(np.uint8) if prepared.dtype == np.uint8 else gray
        before = float(model.score(prepared[None], target)[0])
        falls, hidden = np.zeros(size), np.zeros(size)
        for some in (hidden_by[start : start + BATCH] for start in range(0, len(places), BATCH)):
            images = np.repeat(prepared[None], len(some), 0)
            for image, part in zip(images, some, strict=True):
                image[part] = gray
            for part, after in zip(some, np.asarray(model.score(images, target)), strict=True):
                falls[part] += before - after
                hidden[part] += 1
        return falls / hidden


def _starts(length, side, step):
    """Where squares begin: evenly, the last one at the end."""
    return sorted({*range(0, length - side + 1, step), length - side})
