"""Augmentations that hide parts of the image and leave every label as it is.

So an object keeps its box, its mask and its class also where it is hidden, wholly even: how much of it must be seen to
count is not theirs to say. With many small objects choose small areas.
"""

import dataclasses
import math
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import Augmentation
from kerasvision.data.missing import Shape, drawn_present, without

IMAGENET_MEAN = (124, 116, 104)  # RGB
_ATTEMPTS = 10


def _cover(sample, rows, columns, fill):
    """The sample with the value `fill` in each of K sets of rows [K, H] and columns [K, W], bool."""
    image = sample["image"]
    shape = tf.shape(image)
    values = tf.reshape(image, [shape[0], -1])  # [H, W * C]: selecting is far slower when it must broadcast
    hidden = tf.reduce_any(rows[:, :, None] & tf.repeat(columns, shape[2], axis=1)[:, None], axis=0)
    covered = tf.where(hidden, tf.fill(tf.shape(values), tf.constant(fill, tf.uint8)), values)
    return sample | {"image": tf.ensure_shape(tf.reshape(covered, shape), image.shape)}


def _between(low, high, length):
    """bool [K, length]: whether low <= index < high, for bounds [K]."""
    index = tf.range(length)
    return (index >= low[:, None]) & (index < high[:, None])


@augmentations.register("occlusion/random_erasing")
@dataclasses.dataclass(frozen=True)
class RandomErasing(Augmentation):
    """Hides one rectangle.

    Z. Zhong et al., Random Erasing Data Augmentation, 2017, arXiv:1708.04896, algorithm 1. area: bounds of its part of
    the image, s_l and s_h. ratio: bounds of height / width, r_1 and r_2, drawn log-uniformly (the paper: uniformly,
    which prefers tall ones). fill: "random" values (the paper's RE-R, its best), ImageNet's "mean", "black", "white".
    The paper draws until the rectangle fits; here the first of ten draws that fits is used, or none.
    """

    probability: float = 0.5
    area: tuple[float, float] = (0.02, 0.4)
    ratio: tuple[float, float] = (0.3, 1 / 0.3)
    fill: typing.Literal["random", "mean", "black", "white"] = "random"

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1), area=(0, 1), ratio=(0.01, 100))

    def __call__(self, sample, seed):
        chance_seed, box_seed, paint_seed = draws.split(seed, 3)
        image = sample["image"]
        y, x, h, w = tf.unstack(self.rectangle(tf.shape(image)[:2], box_seed))
        h = tf.where(draws.chance(chance_seed, self.probability), h, 0)
        paint = self._paint(tf.stack([h, w, image.shape[-1]]), paint_seed)
        middle = tf.concat([image[y : y + h, :x], tf.cast(paint, tf.uint8), image[y : y + h, x + w :]], axis=1)
        erased = tf.concat([image[:y], middle, image[y + h :]], axis=0)
        return sample | {"image": tf.ensure_shape(erased, image.shape)}

    def rectangle(self, image_hw, seed):
        """int32 [4]: y, x, height, width; height 0 where no draw fits."""
        room = tf.cast(image_hw, tf.float32)
        unit = tf.random.stateless_uniform([4, _ATTEMPTS], seed)
        area = (self.area[0] + (self.area[1] - self.area[0]) * unit[0]) * (room[0] * room[1])
        low, high = (math.log(r) for r in self.ratio)
        ratio = tf.exp(low + (high - low) * unit[1])
        size = tf.round(tf.sqrt(tf.stack([area * ratio, area / ratio], axis=1)))  # [10, 2] h, w
        origin = tf.floor(tf.transpose(unit[2:]) * (room - size + 1.0))
        fits = tf.reduce_all((size >= 1.0) & (size <= room) & (origin + size <= room), axis=1)
        first = tf.argmax(tf.cast(fits, tf.int32))
        return tf.cast(tf.where(fits[first], tf.concat([origin, size], 1)[first], 0.0), tf.int32)

    def _paint(self, shape, seed):
        if self.fill == "random":
            return tf.random.stateless_uniform(shape, seed, 0, 256, tf.int32)
        return tf.broadcast_to({"mean": IMAGENET_MEAN, "black": (0,) * 3, "white": (255,) * 3}[self.fill], shape)


@augmentations.register("occlusion/cutout")
@dataclasses.dataclass(frozen=True)
class Cutout(Augmentation):
    """Hides squares whose centers lie anywhere in the image, so that they may reach beyond its border.

    T. DeVries, G. Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017, arXiv:1708.04552.
    length_px: side of a square (16 for CIFAR-10 in the paper). fill: the paper's 0 of normalized images, about 128.
    """

    length_px: int = 16
    holes: int = 1
    fill: int = 128

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, length_px=(1, math.inf), holes=(1, 1000), fill=(0, 255))

    def __call__(self, sample, seed):
        size = tf.shape(sample["image"])[:2]
        unit = tf.random.stateless_uniform([2, self.holes], seed)
        center = tf.minimum(tf.cast(unit * tf.cast(size, tf.float32)[:, None], tf.int32), size[:, None] - 1)
        start = center - self.length_px // 2  # [2, holes]
        rows = _between(start[0], start[0] + self.length_px, size[0])
        columns = _between(start[1], start[1] + self.length_px, size[1])
        return _cover(sample, rows, columns, self.fill)


@augmentations.register("occlusion/grid_mask")
@dataclasses.dataclass(frozen=True)
class GridMask(Augmentation):
    """Hides squares on a regular grid.

    P. Chen et al., GridMask Data Augmentation, 2020, arXiv:2001.04086, section 3.2. unit: bounds of the grid's period
    d as a part of the image's shorter side (the paper: 96 to 224 pixels of 224). ratio: r, the part of a period that
    is not hidden, so that 1 - (1 - r)^2 of the image stays; 0.6 for ImageNet, 0.4 for CIFAR-10. The paper raises the
    probability during training; here it is fixed. The grid is not turned.
    """

    probability: float = 0.7
    unit: tuple[float, float] = (0.4, 1.0)
    ratio: float = 0.6
    fill: int = 0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1), unit=(0, 10), ratio=(0, 1), fill=(0, 255))
        if not self.unit[1]:
            raise UsageError(f"occlusion/grid_mask unit={self.unit}; allowed: an upper bound above 0")

    def __call__(self, sample, seed):
        size = tf.shape(sample["image"])[:2]
        chance, period, y, x = tf.unstack(draws.uniform(seed, [0, self.unit[0], 0, 0], [1, self.unit[1], 1, 1]))
        period = tf.maximum(tf.round(period * tf.cast(tf.reduce_min(size), tf.float32)), 1.0)
        side = tf.round((1.0 - self.ratio) * period)

        def hidden_lines(offset, length):
            return (tf.range(tf.cast(length, tf.float32)) + tf.floor(offset * period)) % period < side

        rows = hidden_lines(y, size[0]) & (chance < self.probability)
        return _cover(sample, rows[None], hidden_lines(x, size[1])[None], self.fill)


@augmentations.register("occlusion/drop_regions")
@dataclasses.dataclass(frozen=True)
class DropRegions(Augmentation):
    """Takes regions away, so that a model of incomplete images learns to do without them: they are missing in `present`
    too, which no other augmentation here does, and `whole` keeps what was there.

    shape, area, patches: see `data.missing.drawn_present`. What was missing before stays missing.
    """

    probability: float = 0.5
    shape: Shape = "rectangle"
    area: tuple[float, float] = (0.1, 0.4)
    patches: tuple[int, int] = (4, 4)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1), area=(0, 1), patches=(1, 1000))

    def __call__(self, sample, seed):
        chance, drawn = draws.split(seed, 2)
        present = drawn_present(self.shape, tf.shape(sample["image"])[:2], drawn, self.area, self.patches)
        return without(sample, tf.where(draws.chance(chance, self.probability), present, tf.ones_like(present)))
