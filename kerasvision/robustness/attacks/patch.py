"""A patch: one square picture that deceives wherever it lies in a photograph, turned and scaled a little.

"Adversarial Patch" (Brown et al. 2017, arXiv:1712.09665, section 2).
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

_AT_ONCE = 32


@attacks.register("patch")
@dataclasses.dataclass(frozen=True)
class Patch(Attack):
    """share: of a picture's area that it covers. steps: in which it is learned, each of `step_size` by the sign of the
    slope. turned: degrees to either side; scaled: by 1 - scaled to 1 + scaled of its side. pattern: what `learned`
    found, float32 [side, side, 3] of 0..1; without it a patch is learned from the pictures that it is then laid on.
    """

    share: float = 0.1
    steps: int = 200
    step_size: float = 0.02
    turned: float = 20.0
    scaled: float = 0.1
    pattern: typing.Any = None

    by_loss: typing.ClassVar[bool] = True
    learns: typing.ClassVar[bool] = True
    norm: typing.ClassVar[Norm] = "linf"

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise UsageError(f"attacks/patch.share={self.share:g}; allowed: above 0, and up to 1, the whole picture")
        for name, most in (("step_size", 1), ("turned", 180), ("scaled", 0.9)):
            if not 0 <= getattr(self, name) <= most:
                raise UsageError(f"attacks/patch.{name}={getattr(self, name):g}; allowed: 0 to {most:g}")

    def learned(self, model, pixels, goal, seed=0):
        images = pixels.astype(np.float32) / np.float32(255)
        return dataclasses.replace(self, pattern=self._learn(model, images, goal, np.random.default_rng(seed)))

    def moved(self, model, images, score, random):
        pattern = self._learn(model, images, score, random) if self.pattern is None else self.pattern
        return self._laid(images, tf.constant(pattern), random).numpy()

    def _learn(self, model, images, goal, random):
        height, width = images.shape[1:3]
        side = max(round(math.sqrt(self.share * height * width)), 1)
        if side > min(height, width):
            raise UsageError(
                f"attacks/patch.share={self.share:g}: a square of {side} pixels is larger than {height} x {width}; "
                f"allowed: up to {min(height, width) ** 2 / (height * width):.3g}"
            )
        pattern = np.full((side, side, images.shape[3]), 0.5, np.float32)
        for _ in range(self.steps):
            some = random.permutation(len(images))[:_AT_ONCE]
            slope = self._slope(model, images[some], goal.of(some), pattern, random)
            pattern = np.clip(pattern + self.step_size * np.sign(slope), 0, 1).astype(np.float32)
        return pattern

    def _slope(self, model, images, goal, pattern, random):
        """Of the goal's loss by the pattern's values, where it lies in each picture now."""
        pattern = tf.constant(pattern)
        with tf.GradientTape() as tape:
            tape.watch(pattern)
            laid = self._laid(images, pattern, random)
        _, slope = model.slope(laid, goal.loss)
        return tape.gradient(laid, pattern, slope).numpy()

    def _laid(self, images, pattern, random):
        """Pictures with the pattern at random places, wholly inside where it fits."""
        count, height, width, channels = images.shape
        ways = tf.constant(self._ways(count, height, width, len(pattern), random), tf.float32)
        both = tf.concat([pattern, tf.ones_like(pattern[..., :1])], 2)
        both = tf.repeat(tf.pad(both, [[1, 1], [1, 1], [0, 0]])[None], count, 0)
        moved = tf.raw_ops.ImageProjectiveTransformV3(
            images=both,
            transforms=ways,
            output_shape=(height, width),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )
        shown, there = moved[..., :channels], moved[..., channels:]
        return images * (1 - there) + shown

    def _ways(self, count, height, width, side, random):
        """Rows [count, 8] that take a picture's pixels to those of the pattern with its border of one."""
        angle = np.deg2rad(random.uniform(-self.turned, self.turned, count))
        scale = random.uniform(1 - self.scaled, 1 + self.scaled, count)
        reach = side * scale * (np.abs(np.cos(angle)) + np.abs(np.sin(angle))) / 2
        center = [
            random.uniform(np.minimum(reach, long / 2), np.maximum(long - reach, long / 2)) - 0.5
            for long in (width, height)
        ]
        cos, sin, middle = np.cos(angle) / scale, np.sin(angle) / scale, (side + 1) / 2
        x0 = middle - cos * center[0] + sin * center[1]
        y0 = middle - sin * center[0] - cos * center[1]
        zero = np.zeros(count)
        return np.stack([cos, -sin, x0, sin, cos, y0, zero, zero], 1)
