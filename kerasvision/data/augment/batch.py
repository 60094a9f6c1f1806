"""Augmentations of a whole batch: each example is mixed with another, its targets in the same proportion.

Targets must be such that a mixture means something: probabilities of classes, or anything a loss is linear in.
"""

import dataclasses
import math

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import BatchAugmentation
from kerasvision.ops.geometry import as_uint8


def beta(seed, alpha, count):
    """float32 [count] from Beta(alpha, alpha).

    X / (X + Y) with X, Y from Gamma(alpha), in logarithms, as Gamma(alpha) = Gamma(alpha + 1) U^(1 / alpha)
    underflows for a small alpha.
    """
    gamma_seed, unit_seed = draws.split(seed, 2)
    gamma = tf.random.stateless_gamma([2, count], gamma_seed, alpha + 1.0)
    unit = tf.random.stateless_uniform([2, count], unit_seed, 2.0**-24, 1.0)
    logs = tf.math.log(gamma) + tf.math.log(unit) / alpha
    return tf.sigmoid(logs[0] - logs[1])


def _complete(inputs, part):
    """The images, where all of their pixels are there: one that is missing cannot be mixed."""
    if "present" in inputs:
        raise UsageError(f"{part.registered_name} cannot mix images with missing pixels; leave it out of augment")
    return inputs["image"]


def _mix_targets(targets, partner, weight, part):
    """weight * own + (1 - weight) * the partner's, of every target. partner: int32 [B]; weight: float32 [B]."""
    for name, value in targets.items():
        if not value.dtype.is_floating:
            raise KerasVisionError(
                f"{part.registered_name} cannot mix the target {name!r} of type {value.dtype.name}; allowed: floating "
                "point, such as class probabilities; leave it out of augment"
            )

    def mix(value):
        own = tf.cast(_expand(weight, value), value.dtype)
        return own * value + (1.0 - own) * tf.gather(value, partner)

    return {name: mix(value) for name, value in targets.items()}


def _expand(weight, value):
    return tf.reshape(weight, [-1] + [1] * (value.shape.rank - 1))


def _partners(seed, count):
    return tf.random.experimental.stateless_shuffle(tf.range(count), seed)


@augmentations.register("batch/mixup")
@dataclasses.dataclass(frozen=True)
class Mixup(BatchAugmentation):
    """Blends each image with another one of the batch.

    H. Zhang et al., mixup: Beyond Empirical Risk Minimization, 2017, arXiv:1710.09412, equation in section 2.
    alpha: of Beta(alpha, alpha); the weight is drawn for each example, not once for a batch.
    """

    alpha: float = 0.2

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, alpha=(1e-3, math.inf))

    def __call__(self, inputs, targets, seed):
        weight_seed, partner_seed = draws.split(seed, 2)
        image = _complete(inputs, self)
        count = tf.shape(image)[0]
        weight, partner = beta(weight_seed, self.alpha, count), _partners(partner_seed, count)
        own = tf.cast(image, tf.float32)
        other = tf.gather(own, partner)
        mixed = as_uint8(other + _expand(weight, own) * (own - other))
        return inputs | {"image": mixed}, _mix_targets(targets, partner, weight, self)


@augmentations.register("batch/cutmix")
@dataclasses.dataclass(frozen=True)
class Cutmix(BatchAugmentation):
    """Puts a rectangle of another image of the batch into each image.

    S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, 2019,
    arXiv:1905.04899, equations 1 and 2. alpha: of Beta(alpha, alpha). The weight of the targets is that of the pixels
    really replaced, after the rectangle is clipped to the image.
    """

    alpha: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, alpha=(1e-3, math.inf))

    def __call__(self, inputs, targets, seed):
        weight_seed, partner_seed, place_seed = draws.split(seed, 3)
        image = _complete(inputs, self)
        count, height, width = tf.unstack(tf.shape(image)[:3])
        weight, partner = beta(weight_seed, self.alpha, count), _partners(partner_seed, count)
        unit = tf.random.stateless_uniform([2, count], place_seed)
        rows = _stretch(unit[0], weight, height)
        columns = _stretch(unit[1], weight, width)
        pasted = rows[:, :, None] & columns[:, None]  # [B, H, W]
        mixed = tf.where(pasted[..., None], tf.gather(image, partner), image)
        kept = 1.0 - tf.reduce_mean(tf.cast(pasted, tf.float32), axis=[1, 2])
        return inputs | {"image": mixed}, _mix_targets(targets, partner, kept, self)


def _stretch(unit, weight, length):
    """bool [B, length]: a run of sqrt(1 - weight) of the length about a uniformly drawn pixel."""
    size = tf.cast(tf.cast(length, tf.float32) * tf.sqrt(1.0 - weight), tf.int32)
    center = tf.minimum(tf.cast(unit * tf.cast(length, tf.float32), tf.int32), length - 1)
    start = (center - size // 2)[:, None]
    index = tf.range(length)[None]
    return (index >= start) & (index < start + size[:, None])
