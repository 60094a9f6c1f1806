"""Shrunk a little and put somewhere in a black frame, otherwise for each picture.

"Mitigating Adversarial Effects Through Randomization" (Xie et al. 2018, arXiv:1711.01991, section 3), which enlarges
pictures of 299 pixels to as many as 331; here the graph keeps its size, so they are shrunk.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import defenses
from kerasvision.defenses.base import Defense

_PRIME = 1021
_FACTORS = 127
_LONGEST = 8192  # of a side: int32 holds every sum


@defenses.register("resize_pad")
@dataclasses.dataclass(frozen=True)
class ResizePad(Defense):
    """least: the smallest share of each side, above 0 and below 1. choices: of sizes and places, drawn by `seed`.

    Files have no random numbers that mean the same everywhere, so which choice a picture gets is a sum over its whole
    pixels: the same picture is always placed alike, in training and in every file, and one that differs by a gray level
    likely otherwise. It is no secret: who has the file has the sum. Bilinear; gradients pass but for the choice. No
    model that answers where things are (boxes, masks) stands behind it: it sees the picture moved.
    """

    moves: typing.ClassVar[bool] = True

    least: float = 0.9
    choices: int = 16
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.least < 1:
            raise UsageError(f"resize_pad.least={self.least:g}; allowed: above 0 and below 1, as in 0.9")
        if not 2 <= self.choices <= _PRIME:
            raise UsageError(f"resize_pad.choices={self.choices}; allowed: 2 to {_PRIME}")

    def __call__(self, pixels):
        _, h, w, channels = pixels.shape
        if max(h, w) > _LONGEST:
            raise UsageError(f"resize_pad: a picture of {h} x {w} pixels; allowed: sides up to {_LONGEST}")
        chosen = self.choice(pixels)
        down, across = (_matrices(*(tf.gather(part, chosen) for part in self.places(side)), side) for side in (h, w))
        rows = tf.matmul(down, tf.reshape(pixels, [-1, h, w * channels]))
        return tf.matmul(across[:, None], tf.reshape(rows, [-1, h, w, channels]))

    def choice(self, pixels):
        """[B, h, w, C] -> the number of each picture's choice, int32 [B]."""
        _, h, w, _ = pixels.shape
        random = np.random.default_rng([self.seed, 1])
        across, down = (random.integers(1, _FACTORS, side).astype(np.int32) for side in (w, h))
        whole = tf.cast(tf.round(pixels), tf.int32)
        rows = tf.math.floormod(tf.reduce_sum(tf.reduce_sum(whole, 3) * across, 2), _PRIME)
        return tf.math.floormod(tf.math.floormod(tf.reduce_sum(rows * down, 1), _PRIME), self.choices)

    def places(self, side):
        """(sizes, where they begin) of all choices on an axis of so many pixels, float32 [choices] each."""
        random = np.random.default_rng([self.seed, 0, side])
        sizes = random.integers(int(np.ceil(self.least * side)), side, self.choices, endpoint=True)
        begins = random.integers(0, side - sizes, endpoint=True)
        return sizes.astype(np.float32), begins.astype(np.float32)


def _matrices(sizes, begins, side):
    """float32 [B, side, side]: what each place of an axis takes of each pixel, bilinearly; nothing outside."""
    place = np.arange(side, dtype=np.float32)
    inside = (place[None] + 0.5 - begins[:, None]) / sizes[:, None]
    source = tf.clip_by_value(inside * side - 0.5, 0.0, side - 1.0)
    taken = tf.nn.relu(1.0 - tf.abs(source[:, :, None] - place))
    is_there = tf.cast((inside > 0.0) & (inside < 1.0), tf.float32)
    return taken * is_there[:, :, None]
