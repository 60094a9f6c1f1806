"""Other recordings of a sound: hidden moments and bands, noise, shifts and loudness."""

import dataclasses
import math
import typing

import tensorflow as tf

from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import Augmentation
from kerasvision.ops.sound import MASKED
from kerasvision.ops.sound_bounds import LOUDEST


class AudioAugmentation(Augmentation):
    """Abstract. An augmentation of `audio` float32 [N] with `rate` int32, samples a second."""

    works_on: typing.ClassVar[tuple[str, ...]] = ("audio",)


@augmentations.register("audio/spec_augment")
@dataclasses.dataclass(frozen=True)
class SpecAugment(AudioAugmentation):
    """Hides moments and bands of a sound's picture behind its mean ("SpecAugment", Park et al. 2019, arXiv:1904.08779,
    section 2, without time warping). The picture is made within the graph, so that the sample only says what to hide:
    `masked` float32 [n, 4], (first, last moment, first, last band) in parts of the picture.

    moments, bands: the largest share of a picture's moments or bands that one mask hides; a width is uniform from 0 to
    that, and so is its place. moment_masks, band_masks: how many there are of each.
    """

    moments: float = 0.2
    bands: float = 0.3
    moment_masks: int = 1
    band_masks: int = 1

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, moments=(0, 1), bands=(0, 1), moment_masks=(0, 100), band_masks=(0, 100))

    def __call__(self, sample, seed):
        first, second = draws.split(seed, 2)
        moments = _spans(self.moment_masks, self.moments, first)
        bands = _spans(self.band_masks, self.bands, second)
        whole = [tf.tile([[0.0, 1.0]], [count, 1]) for count in (self.moment_masks, self.band_masks)]
        masked = tf.concat([tf.concat([moments, whole[0]], 1), tf.concat([whole[1], bands], 1)], 0)
        return sample | {MASKED: tf.concat([sample[MASKED], masked], 0) if MASKED in sample else masked}


def _spans(count, widest, seed):
    """float32 [count, 2]: beginnings and ends within 0..1."""
    drawn = tf.random.stateless_uniform([count, 2], seed)
    width = drawn[:, :1] * widest
    begin = drawn[:, 1:] * (1.0 - width)
    return tf.concat([begin, begin + width], 1)


@augmentations.register("audio/noise")
@dataclasses.dataclass(frozen=True)
class Noise(AudioAugmentation):
    """White Gaussian noise, so many decibels less loud than the sound, uniform between two bounds. Silence stays so.

    decibels: (least, most) of the sound's power over that of the noise.
    """

    decibels: tuple[float, float] = (10.0, 40.0)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, decibels=(-100, 200))

    def __call__(self, sample, seed):
        first, second = draws.split(seed, 2)
        audio = sample["audio"]
        ratio = draws.uniform(first, *self.decibels)
        deviation = tf.sqrt(tf.reduce_mean(tf.square(audio))) * 10.0 ** (-ratio / 20.0)
        noisy = audio + deviation * tf.random.stateless_normal(tf.shape(audio), second)
        return sample | {"audio": tf.clip_by_value(noisy, -LOUDEST, LOUDEST)}  # beyond it a model refuses sounds


@augmentations.register("audio/shift")
@dataclasses.dataclass(frozen=True)
class Shift(AudioAugmentation):
    """Earlier or later by up to `seconds`, with silence where nothing is known."""

    seconds: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, seconds=(0, math.inf))

    def __call__(self, sample, seed):
        audio, rate = sample["audio"], tf.cast(sample["rate"], tf.float32)
        by = tf.cast(tf.round(draws.uniform(seed, -self.seconds, self.seconds) * rate), tf.int32)
        by = tf.clip_by_value(by, -tf.size(audio), tf.size(audio))
        later, earlier = tf.maximum(by, 0), tf.maximum(-by, 0)
        moved = tf.pad(audio[earlier : tf.size(audio) - later], [[later, earlier]])
        return sample | {"audio": tf.ensure_shape(moved, audio.shape)}


@augmentations.register("audio/gain")
@dataclasses.dataclass(frozen=True)
class Gain(AudioAugmentation):
    """Louder or less loud, by a number of decibels that is uniform between two bounds.

    decibels: (least, most), 20 of which are a factor of ten.
    """

    decibels: tuple[float, float] = (-6.0, 6.0)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, decibels=(-100, 20))

    def __call__(self, sample, seed):
        louder = sample["audio"] * 10.0 ** (draws.uniform(seed, *self.decibels) / 20.0)
        return sample | {"audio": tf.clip_by_value(louder, -LOUDEST, LOUDEST)}
