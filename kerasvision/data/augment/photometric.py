"""Augmentations that change colors and leave every label as it is.

A field such as `brightness=0.4` is the most that a factor may differ from 1: it is drawn from [0.6, 1.4], as in
torchvision. Values beyond 0..255 are clipped, once, at the end.
"""

import abc
import dataclasses
import math

import tensorflow as tf

from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import Augmentation
from kerasvision.ops import color
from kerasvision.ops.geometry import as_uint8


class Photometric(Augmentation):
    """Abstract. Colors change, places do not. Where pixels are missing and `whole` has them, that is what changes, and
    `image` shows what is present of it.
    """

    @abc.abstractmethod
    def repaint(self, image, seed):
        """uint8 [H, W, 3] -> another such; seed: int32 [2]."""

    def __call__(self, sample, seed):
        key = "whole" if "whole" in sample else "image"
        changed = tf.ensure_shape(self.repaint(sample[key], seed), sample[key].shape)
        if key == "image":
            return sample | {"image": changed}
        return sample | {"whole": changed, "image": changed * sample["present"][..., None]}


def _recolor(image, change):
    """uint8, of `change` of the pixels as float32 in 0..255."""
    return as_uint8(change(tf.cast(image, tf.float32)))


def _factor(seed, most):
    """A factor within `most` of 1, never negative."""
    return draws.uniform(seed, max(0.0, 1.0 - most), 1.0 + most)


@augmentations.register("photometric/brightness")
@dataclasses.dataclass(frozen=True)
class Brightness(Photometric):
    """Every value times a factor."""

    brightness: float = 0.4

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, brightness=(0, math.inf))

    def repaint(self, image, seed):
        factor = _factor(seed, self.brightness)
        return _recolor(image, lambda pixels: factor * pixels)


@augmentations.register("photometric/contrast")
@dataclasses.dataclass(frozen=True)
class Contrast(Photometric):
    """Distance from the image's mean gray times a factor."""

    contrast: float = 0.4

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, contrast=(0, math.inf))

    def repaint(self, image, seed):
        factor = _factor(seed, self.contrast)
        return _recolor(image, lambda pixels: factor * pixels + (1.0 - factor) * color.mean_gray(pixels))


@augmentations.register("photometric/saturation")
@dataclasses.dataclass(frozen=True)
class Saturation(Photometric):
    """Distance of every pixel from its own gray times a factor."""

    saturation: float = 0.4

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, saturation=(0, math.inf))

    def repaint(self, image, seed):
        matrix = color.saturation_matrix(_factor(seed, self.saturation))
        return _recolor(image, lambda pixels: color.mix(pixels, matrix))


@augmentations.register("photometric/hue")
@dataclasses.dataclass(frozen=True)
class Hue(Photometric):
    """Hue of HSV turned by up to +-`turns` of the color circle; HSV's saturation and value stay."""

    turns: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, turns=(0, 0.5))

    def repaint(self, image, seed):
        turns = draws.uniform(seed, -self.turns, self.turns)
        return _recolor(image, lambda pixels: tf.image.adjust_hue(pixels, turns))


@augmentations.register("photometric/color_jitter")
@dataclasses.dataclass(frozen=True)
class ColorJitter(Photometric):
    """Brightness, contrast, saturation and hue as one matrix product: cheap, and rounded and clipped once.

    The four commute while nothing is clipped, so their order, random in other libraries, is no parameter. Hue turns
    the chromaticity plane of YIQ and keeps luma, where `photometric/hue` turns HSV's and keeps the largest channel.
    """

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    turns: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, brightness=(0, math.inf), contrast=(0, math.inf), saturation=(0, math.inf), turns=(0, 0.5))

    def factors(self, seed):
        """float32 [4]: of brightness, contrast and saturation, then the turns of hue."""
        most = (self.brightness, self.contrast, self.saturation)
        low, high = [max(0.0, 1.0 - m) for m in most], [1.0 + m for m in most]
        return draws.uniform(seed, [*low, -self.turns], [*high, self.turns])

    def repaint(self, image, seed):
        factors = tf.unstack(self.factors(seed))
        return _recolor(image, lambda pixels: color.jitter(pixels, *factors))


@augmentations.register("photometric/gamma")
@dataclasses.dataclass(frozen=True)
class Gamma(Photometric):
    """255 (x / 255)^g. gamma: bounds of a log-uniform draw; below 1 brightens."""

    gamma: tuple[float, float] = (0.7, 1.4)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, gamma=(0.01, 100))

    def repaint(self, image, seed):
        return color.lookup(image, color.gamma_table(draws.log_uniform(seed, self.gamma)))


@augmentations.register("photometric/gaussian_noise")
@dataclasses.dataclass(frozen=True)
class GaussianNoise(Photometric):
    """Independent noise on every value. stddev: bounds of its standard deviation, in levels of 0..255."""

    stddev: tuple[float, float] = (0.0, 15.0)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, stddev=(0, 255))

    def repaint(self, image, seed):
        strength_seed, noise_seed = draws.split(seed, 2)
        stddev = draws.uniform(strength_seed, *self.stddev)

        def add(pixels):
            return pixels + stddev * tf.random.stateless_normal(tf.shape(pixels), noise_seed)

        return _recolor(image, add)


@augmentations.register("photometric/blur")
@dataclasses.dataclass(frozen=True)
class Blur(Photometric):
    """Gaussian blur. sigma_px: bounds of its standard deviation; the kernel reaches three times the larger one."""

    sigma_px: tuple[float, float] = (0.1, 2.0)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, sigma_px=(0.01, 100))

    def repaint(self, image, seed):
        sigma = draws.uniform(seed, *self.sigma_px)
        radius = math.ceil(3.0 * self.sigma_px[1])
        return _recolor(image, lambda pixels: color.gaussian_blur(pixels, sigma, radius))


@augmentations.register("photometric/jpeg_quality")
@dataclasses.dataclass(frozen=True)
class JpegQuality(Photometric):
    """The image through JPEG and back. quality: bounds, both included, of libjpeg's 1..100."""

    quality: tuple[int, int] = (40, 95)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, quality=(1, 100))

    def repaint(self, image, seed):
        quality = tf.random.stateless_uniform([], seed, self.quality[0], self.quality[1] + 1, tf.int32)
        encoded = tf.raw_ops.EncodeJpegVariableQuality(images=image, quality=quality)
        return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")


@augmentations.register("photometric/sharpness")
@dataclasses.dataclass(frozen=True)
class Sharpness(Photometric):
    """Distance of every pixel from a 3x3 smoothing (PIL's SMOOTH) times a factor: below 1 blurs, above 1 sharpens."""

    sharpness: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, sharpness=(0, math.inf))

    def repaint(self, image, seed):
        factor = _factor(seed, self.sharpness)
        return _recolor(image, lambda pixels: factor * pixels + (1.0 - factor) * color.smoothed(pixels))


@augmentations.register("photometric/posterize")
@dataclasses.dataclass(frozen=True)
class Posterize(Photometric):
    """Keeps the highest bits of every value. bits: bounds, both included, of how many."""

    bits: tuple[int, int] = (4, 8)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, bits=(1, 8))

    def repaint(self, image, seed):
        bits = tf.random.stateless_uniform([], seed, self.bits[0], self.bits[1] + 1, tf.int32)
        mask = tf.cast(256 - tf.bitwise.left_shift(1, 8 - bits), tf.uint8)
        return tf.bitwise.bitwise_and(image, mask)


@augmentations.register("photometric/solarize")
@dataclasses.dataclass(frozen=True)
class Solarize(Photometric):
    """Inverts the values at and above a threshold. threshold: bounds, both included; 256 inverts nothing."""

    threshold: tuple[int, int] = (128, 256)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, threshold=(0, 256))

    def repaint(self, image, seed):
        threshold = tf.random.stateless_uniform([], seed, self.threshold[0], self.threshold[1] + 1, tf.int32)
        return tf.where(tf.cast(image, tf.int32) < threshold, image, 255 - image)


@augmentations.register("photometric/autocontrast")
@dataclasses.dataclass(frozen=True)
class Autocontrast(Photometric):
    """With some probability stretches each channel to 0..255."""

    probability: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1))

    def repaint(self, image, seed):
        return _maybe_lookup(image, seed, self.probability, color.autocontrast_tables)


@augmentations.register("photometric/equalize")
@dataclasses.dataclass(frozen=True)
class Equalize(Photometric):
    """With some probability flattens each channel's histogram."""

    probability: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1))

    def repaint(self, image, seed):
        return _maybe_lookup(image, seed, self.probability, color.equalize_tables)


def _maybe_lookup(image, seed, probability, tables):
    return tf.cond(draws.chance(seed, probability), lambda: color.lookup(image, tables(image)), lambda: image)
