"""The fast gradient sign method: one step along the slope of the loss.

"Explaining and Harnessing Adversarial Examples" (Goodfellow et al. 2014, arXiv:1412.6572, section 4).
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm, inside, steepest
from kerasvision.robustness.attacks.base import Attack


@attacks.register("fgsm")
@dataclasses.dataclass(frozen=True)
class FGSM(Attack):
    """radius: how far, pixels counted 0..1; by Linf every value of a picture moves as far."""

    radius: float = 8 / 255
    norm: Norm = "linf"

    by_loss: typing.ClassVar[bool] = True

    def moved(self, model, images, score, random):
        images = tf.convert_to_tensor(images)
        _, slope = model.slope(images, score.loss)
        return inside(images, images + steepest(slope, images, self.radius, self.norm), self.radius, self.norm)
