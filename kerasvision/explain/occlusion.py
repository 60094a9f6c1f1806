"""Occlusion: how far a class's logit falls when a gray square hides a part of the image.

"Visualizing and Understanding Convolutional Networks" (Zeiler, Fergus 2013, arXiv:1311.2901, section 4.2).
"""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer

_BATCH = 32


@explainers.register("occlusion")
@dataclasses.dataclass(frozen=True)
class Occlusion(Explainer):
    """square: its side, stride: how far it moves, both fractions of the image's shorter side, 0 < stride <= square <=
    1.

    A pixel's heat is the mean fall of the logit over the squares that hide it, below 0 where hiding it helps. The
    square has the image's mean color. It runs the graph about (1 / stride)^2 times and needs no gradient.
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

    def heat(self, classifier, prepared, index):
        height, width = prepared.shape[:2]
        side, step = (max(1, round(part * min(height, width))) for part in (self.square, self.stride))
        places = [(y, x) for y in _starts(height, side, step) for x in _starts(width, side, step)]
        gray = np.rint(prepared.mean((0, 1))).astype(np.uint8)
        before = float(classifier.logits(tf.constant(prepared)[None])[0, index])
        falls, hidden = np.zeros((height, width)), np.zeros((height, width))
        for start in range(0, len(places), _BATCH):
            some = places[start : start + _BATCH]
            images = np.repeat(prepared[None], len(some), 0)
            for image, (y, x) in zip(images, some, strict=True):
                image[y : y + side, x : x + side] = gray
            after = classifier.logits(tf.constant(images))[:, index].numpy()
            for (y, x), value in zip(some, after, strict=True):
                falls[y : y + side, x : x + side] += before - value
                hidden[y : y + side, x : x + side] += 1
        return falls / hidden


def _starts(length, side, step):
    """Where squares begin: evenly, the last one at the end."""
    return sorted({*range(0, length - side + 1, step), length - side})
