"""Augmentations of a whole batch: each example is mixed with another, its targets in the same proportion.

An architecture says in `mixes` what a mixture of its targets is, and what no mixture means anything of is refused
before training: matched anchors, boxes, distances. Class probabilities are averaged; classes of pixels go with their
pixels.
"""

import dataclasses
import math
import typing

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


def _mix_targets(targets, partner, weight, part, mixes, pasted=None):
    """Every target as `mixes` says: weight * own + (1 - weight) * the partner's, or the partner's where pixels were
    pasted. partner: int32 [B]; weight: float32 [B]; pasted: bool [B, H, W].
    """
    for name, value in targets.items():
        if mixes.get(name) not in part.able:
            raise KerasVisionError(
                f"{part.registered_name} cannot mix the target {name!r} ({mixes.get(name, 'nothing is said of it')}); "
                f"it mixes {' and '.join(part.able)}; leave it out of augment"
            )
        if not value.dtype.is_floating and mixes[name] != "pixels":
            raise KerasVisionError(
                f"{part.registered_name} cannot mix the target {name!r} of type {value.dtype.name}; allowed: floating "
                "point, such as class probabilities; leave it out of augment"
            )

    def mix(name, value):
        other = tf.gather(value, partner)
        if mixes[name] == "pixels":
            return _pasted(value, other, pasted, name, part)
        own = tf.cast(_expand(weight, value), value.dtype)
        return own * value + (1.0 - own) * other

    return {name: mix(name, value) for name, value in targets.items()}


def _pasted(value, other, pasted, name, part):
    """The partner's rows where its pixels are."""
    if value.shape[1:3] != pasted.shape[1:3]:
        raise KerasVisionError(
            f"{part.registered_name} cannot paste the target {name!r} of {tuple(value.shape[1:3])} into images of "
            f"{tuple(pasted.shape[1:3])}; pixels of a target have to be those of the image"
        )
    return tf.where(tf.reshape(pasted, [-1, *value.shape[1:3], *[1] * (value.shape.rank - 3)]), other, value)


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
    able: typing.ClassVar[tuple[str, ...]] = ("probabilities", "numbers")

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, alpha=(1e-3, math.inf))

    def __call__(self, inputs, targets, seed, mixes):
        weight_seed, partner_seed = draws.split(seed, 2)
        image = _complete(inputs, self)
        count = tf.shape(image)[0]
        weight, partner = beta(weight_seed, self.alpha, count), _partners(partner_seed, count)
        own = tf.cast(image, tf.float32)
        other = tf.gather(own, partner)
        mixed = as_uint8(other + _expand(weight, own) * (own - other))
        return inputs | {"image": mixed}, _mix_targets(targets, partner, weight, self, mixes)


@augmentations.register("batch/cutmix")
@dataclasses.dataclass(frozen=True)
class Cutmix(BatchAugmentation):
    """Puts a rectangle of another image of the batch into each image.

    S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, 2019,
    arXiv:1905.04899, equations 1 and 2. alpha: of Beta(alpha, alpha). The weight of the targets is that of the pixels
    really replaced, after the rectangle is clipped to the image; classes of pixels are pasted with their pixels (French
    et al. 2020, arXiv:1906.01916). Numbers are refused: of those, the part of an image that is pasted has no share.
    """

    alpha: float = 1.0
    able: typing.ClassVar[tuple[str, ...]] = ("probabilities", "pixels")

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, alpha=(1e-3, math.inf))

    def __call__(self, inputs, targets, seed, mixes):
        weight_seed, partner_seed, place_seed = draws.split(seed, 3)
        image = _complete(inputs, self)
        count, height, width = tf.unstack(tf.shape(image)[:3])
        weight, partner = beta(weight_seed, self.alpha, count), _partners(partner_seed, count)
        unit = tf.random.stateless_uniform([2, count], place_seed)
        rows = _stretch(unit[0], weight, height)
        columns = _stretch(unit[1], weight, width)
        pasted = tf.ensure_shape(rows[:, :, None] & columns[:, None], image.shape[:3])  # [B, H, W]
        mixed = tf.where(pasted[..., None], tf.gather(image, partner), image)
        kept = 1.0 - tf.reduce_mean(tf.cast(pasted, tf.float32), axis=[1, 2])
        return inputs | {"image": mixed}, _mix_targets(targets, partner, kept, self, mixes, pasted)


def _stretch(unit, weight, length):
    """bool [B, length]: a run of sqrt(1 - weight) of the length about a uniformly drawn pixel."""
    size = tf.cast(tf.cast(length, tf.float32) * tf.sqrt(1.0 - weight), tf.int32)
    center = tf.minimum(tf.cast(unit * tf.cast(length, tf.float32), tf.int32), length - 1)
    start = (center - size // 2)[:, None]
    index = tf.range(length)[None]
    return (index >= start) & (index < start + size[:, None])
