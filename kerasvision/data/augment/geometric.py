"""Augmentations that move pixels: image, masks, boxes and keypoints together (coordinates as in `ops.resample`).

Each draws one affine map, one displacement or one window. `fill` is the pixel value (0..255) and `mask_fill` the mask
value beyond the border of the original image.
"""

import dataclasses
import math

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import Augmentation, WindowAugmentation
from kerasvision.ops import color, resample

Pairs = tuple[tuple[int, int], ...]


@augmentations.register("geometric/horizontal_flip")
@dataclasses.dataclass(frozen=True)
class HorizontalFlip(Augmentation):
    """Left becomes right. keypoint_pairs: indices that swap as well, such as (left eye, right eye)."""

    probability: float = 0.5
    keypoint_pairs: Pairs = ()

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1))

    def __call__(self, sample, seed):
        return _flip(sample, seed, 1, self.probability, self.keypoint_pairs)


@augmentations.register("geometric/vertical_flip")
@dataclasses.dataclass(frozen=True)
class VerticalFlip(Augmentation):
    """Top becomes bottom. keypoint_pairs: as in `HorizontalFlip`, for this too is a mirror."""

    probability: float = 0.5
    keypoint_pairs: Pairs = ()

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1))

    def __call__(self, sample, seed):
        return _flip(sample, seed, 0, self.probability, self.keypoint_pairs)


def _flip(sample, seed, axis, probability, pairs):
    condition = draws.chance(seed, probability)
    moved = resample.flip(sample, axis, condition)
    if pairs and "keypoints_xyv" in sample:
        keypoints = moved["keypoints_xyv"]
        swapped = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
        count = keypoints.shape[1]
        if count is None or max(swapped) >= count:
            raise UsageError(f"keypoint_pairs names keypoint {max(swapped)}; the data has {count}")
        order = [swapped.get(k, k) for k in range(count)]
        moved["keypoints_xyv"] = tf.where(condition, tf.gather(keypoints, order, axis=1), keypoints)
    return moved


def _warp_about_center(sample, matrix, part):
    matrix = resample.about_center(matrix, resample.image_hw(sample))
    return resample.warp(sample, matrix, fill=part.fill, mask_fill=part.mask_fill)


@augmentations.register("geometric/rotation")
@dataclasses.dataclass(frozen=True)
class Rotation(Augmentation):
    """A turn about the center by an angle between -degrees and degrees; positive is counter-clockwise as seen."""

    degrees: float = 15.0
    fill: int = 0
    mask_fill: int = 0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, degrees=(0, 180), fill=(0, 255))

    def __call__(self, sample, seed):
        most = math.radians(self.degrees)
        angle = draws.uniform(seed, -most, most)
        return _warp_about_center(sample, resample.rotation(angle), self)


@augmentations.register("geometric/zoom")
@dataclasses.dataclass(frozen=True)
class Zoom(Augmentation):
    """Magnification about the center. factor: bounds of a log-uniform draw, above 1 magnifies."""

    factor: tuple[float, float] = (0.8, 1.25)
    fill: int = 0
    mask_fill: int = 0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, factor=(0.01, 100), fill=(0, 255))

    def __call__(self, sample, seed):
        factor = draws.log_uniform(seed, self.factor)
        return _warp_about_center(sample, resample.scaling([factor, factor]), self)


@augmentations.register("geometric/translation")
@dataclasses.dataclass(frozen=True)
class Translation(Augmentation):
    """A shift by whole pixels, so nothing is resampled. x_fraction, y_fraction: the most, as a part of the side."""

    x_fraction: float = 0.125
    y_fraction: float = 0.125
    fill: int = 0
    mask_fill: int = 0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, x_fraction=(0, 1), y_fraction=(0, 1), fill=(0, 255))

    def __call__(self, sample, seed):
        most = [self.x_fraction, self.y_fraction]
        part = draws.uniform(seed, [-m for m in most], most)
        size_xy = tf.cast(resample.image_hw(sample)[::-1], tf.float32)
        return resample.shift(sample, tf.cast(tf.round(part * size_xy), tf.int32), self.fill, self.mask_fill)


@augmentations.register("geometric/shear")
@dataclasses.dataclass(frozen=True)
class Shear(Augmentation):
    """Slant about the center: x' = x + tan(a) y and y' = y + tan(b) x, the angles within +-x_degrees, +-y_degrees."""

    x_degrees: float = 10.0
    y_degrees: float = 10.0
    fill: int = 0
    mask_fill: int = 0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, x_degrees=(0, 80), y_degrees=(0, 80), fill=(0, 255))

    def __call__(self, sample, seed):
        most = [math.radians(self.x_degrees), math.radians(self.y_degrees)]
        return _warp_about_center(sample, resample.shearing(draws.uniform(seed, [-m for m in most], most)), self)


@augmentations.register("geometric/affine")
@dataclasses.dataclass(frozen=True)
class Affine(Augmentation):
    """Shear, then zoom, then rotation, about the center, then translation: one map, so the image is resampled once.

    Fields as in the augmentations of those names; fractions may shift by parts of a pixel here.
    """

    degrees: float = 10.0
    factor: tuple[float, float] = (0.9, 1.1)
    x_fraction: float = 0.1
    y_fraction: float = 0.1
    x_degrees: float = 5.0
    y_degrees: float = 5.0
    fill: int = 0
    mask_fill: int = 0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, degrees=(0, 180), factor=(0.01, 100), x_fraction=(0, 1), y_fraction=(0, 1))
        draws.check(self, x_degrees=(0, 40), y_degrees=(0, 40), fill=(0, 255))

    def matrix(self, size_hw, seed):
        """The map drawn for an image of size_hw int32 [2]: float32 [3, 3]."""
        angles = [math.radians(d) for d in (self.degrees, self.x_degrees, self.y_degrees)]
        most = [*angles, self.x_fraction, self.y_fraction]
        small, large = (math.log(f) for f in self.factor)
        angle, *slants, x, y, size = tf.unstack(draws.uniform(seed, [*(-m for m in most), small], [*most, large]))
        about = resample.rotation(angle) @ resample.scaling([tf.exp(size)] * 2) @ resample.shearing(slants)
        move = resample.translation(tf.stack([x, y]) * tf.cast(size_hw[::-1], tf.float32))
        return move @ resample.about_center(about, size_hw)

    def __call__(self, sample, seed):
        matrix = self.matrix(resample.image_hw(sample), seed)
        return resample.warp(sample, matrix, fill=self.fill, mask_fill=self.mask_fill)


@augmentations.register("geometric/random_crop")
@dataclasses.dataclass(frozen=True)
class RandomCrop(WindowAugmentation):
    """A window of a fixed size at a random place. size_px: (h, w).

    From an image too small for it, the largest window of the same aspect. Like every window it is stretched to the
    graph's size afterwards, so give it the graph's aspect.
    """

    size_px: tuple[int, int] = (224, 224)

    def __post_init__(self):
        super().__post_init__()
        if min(self.size_px) < 1:
            raise UsageError(f"geometric/random_crop size_px={self.size_px}; allowed: (h, w), each 1 or more")

    def window(self, image_hw, seed):
        wanted = tf.constant(self.size_px, tf.float32)
        room = tf.cast(image_hw, tf.float32)
        size = tf.round(wanted * tf.minimum(1.0, tf.reduce_min(room / wanted)))
        return _place(tf.clip_by_value(size, 1.0, room), room, seed)

    def __call__(self, sample, seed):
        return _cut(self, sample, seed)


@augmentations.register("geometric/random_resized_crop")
@dataclasses.dataclass(frozen=True)
class RandomResizedCrop(WindowAugmentation):
    """A window of random area and aspect, stretched to the graph's size by the architecture.

    C. Szegedy et al., Going Deeper with Convolutions (Inception), 2014, arXiv:1409.4842, section 6. scale: bounds of
    the window's part of the image's area, uniform. ratio: bounds of width / height, log-uniform. Ten draws; if none
    fits, the largest centered window within the bounds of ratio, as in torchvision.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, scale=(0, 1), ratio=(0.01, 100))

    def window(self, image_hw, seed):
        room = tf.cast(image_hw, tf.float32)
        size_seed, place_seed = draws.split(seed, 2)
        unit = tf.random.stateless_uniform([2, 10], size_seed)
        area = (self.scale[0] + (self.scale[1] - self.scale[0]) * unit[0]) * (room[0] * room[1])
        low, high = (math.log(r) for r in self.ratio)
        aspect = tf.exp(low + (high - low) * unit[1])
        sizes = tf.round(tf.sqrt(tf.stack([area / aspect, area * aspect], axis=1)))  # [10, 2] h, w
        fits = tf.reduce_all((sizes >= 1.0) & (sizes <= room), axis=1)
        chosen = sizes[tf.argmax(tf.cast(fits, tf.int32))]  # the first that fits
        nearest = tf.clip_by_value(room[1] / room[0], *self.ratio)
        centered = tf.stack([tf.minimum(room[0], room[1] / nearest), tf.minimum(room[1], room[0] * nearest)])
        centered = tf.clip_by_value(tf.round(centered), 1.0, room)
        middle = tf.cast(tf.concat([(room - centered) // 2.0, centered], 0), tf.int32)
        return tf.where(tf.reduce_any(fits), _place(tf.minimum(chosen, room), room, place_seed), middle)

    def __call__(self, sample, seed):
        return _cut(self, sample, seed)


def _place(size, room, seed):
    """A window of float32 size [2] at a uniformly drawn place: int32 [4]."""
    free = room - size + 1.0
    origin = tf.minimum(tf.floor(free * tf.random.stateless_uniform([2], seed)), room - size)
    return tf.cast(tf.concat([origin, size], 0), tf.int32)


def _cut(part, sample, seed):
    """`cropped` tells the architecture's geometry to stretch what is left, whatever its resize."""
    window = part.window(resample.image_hw(sample), seed)
    return resample.crop(sample, window) | {"cropped": tf.constant(True)}


@augmentations.register("geometric/elastic")
@dataclasses.dataclass(frozen=True)
class Elastic(Augmentation):
    """A smooth random displacement of every pixel.

    P. Simard, D. Steinkraus, J. Platt, Best Practices for Convolutional Neural Networks Applied to Visual Document
    Analysis, ICDAR 2003, section 2: uniform noise in [-1, 1] for x and y, convolved with a Gaussian of sigma pixels,
    times alpha. The displacement's standard deviation is about 0.163 alpha / sigma pixels; where that exceeds half of
    sigma the image folds, and boxes and keypoints no longer have one place.
    """

    alpha: float = 34.0
    sigma: float = 4.0
    fill: int = 0
    mask_fill: int = 0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, alpha=(0, math.inf), sigma=(0.1, math.inf), fill=(0, 255))

    def displacement(self, size_hw, seed):
        """float32 [H, W, 2], pixels."""
        radius = math.ceil(3.0 * self.sigma)
        shape = tf.concat([size_hw + 2 * radius, [2]], 0)  # noise beyond the border: as strong there as inside
        noise = tf.ensure_shape(tf.random.stateless_uniform(shape, seed, -1.0, 1.0), [None, None, 2])
        return self.alpha * color.convolve_separable(noise, color.gaussian_kernel(self.sigma, radius))

    def __call__(self, sample, seed):
        displacement = self.displacement(resample.image_hw(sample), seed)
        return resample.warp(sample, tf.eye(3), displacement, fill=self.fill, mask_fill=self.mask_fill)
