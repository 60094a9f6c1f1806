"""Augmentations of volumes (keys, coordinates and convention in `ops.volumes`).

Intensities are standardized before them, to about -1..1 or to z-scores, so a standard deviation, a shift or a range
here is in those units; drawn numbers are drawn for each channel by itself. The geometric ones work in millimeters.
Where `fill` is None the volume's minimum stands beyond its border; `mask_fill` is the mask there: not annotated.
"""

import dataclasses
import math

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import VolumeAugmentation
from kerasvision.ops import volumes
from kerasvision.ops.dense import IGNORE


def _rasters(part, sample):
    if "volume" not in sample:
        raise UsageError(f"{part.registered_name} takes volumes; this sample has {', '.join(sorted(sample))}")
    return {k: sample[k] for k in ("volume", "mask") if k in sample}


def _sometimes(part, sample, seed, change):
    """`change(sample, seed)` with `part.probability`; where it does not happen it costs nothing."""
    kept = _rasters(part, sample)
    chance_seed, part_seed = draws.split(seed, 2)

    def changed():
        moved = change(sample, part_seed)
        return {k: moved[k] for k in kept}

    moved = tf.cond(draws.chance(chance_seed, part.probability), changed, lambda: kept)
    return sample | {k: tf.ensure_shape(v, kept[k].shape) for k, v in moved.items()}


def _channels(volume, seed, low, high):
    """A uniform number between bounds for each channel: float32 [C]."""
    return tf.random.stateless_uniform(tf.shape(volume)[-1:], seed, low, high)


@augmentations.register("volume/flip")
@dataclasses.dataclass(frozen=True)
class Flip(VolumeAugmentation):
    """Mirrors axes, each with `probability`. axes: which may be mirrored, of 0, 1, 2 for D, H, W.

    A mirrored patient has the liver on the left: leave out left and right where the classes tell them apart.
    """

    axes: tuple[int, ...] = (0, 1, 2)
    probability: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1))
        if not self.axes or sorted(set(self.axes) & {0, 1, 2}) != sorted(self.axes):
            raise UsageError(f"volume/flip axes={self.axes}; allowed: some of 0, 1, 2 (D, H, W), each once")

    def __call__(self, sample, seed):
        chosen = tf.random.stateless_uniform([len(self.axes)], seed) < self.probability
        axes = tf.boolean_mask(tf.constant(self.axes), chosen)
        return sample | {k: tf.reverse(v, axes) for k, v in _rasters(self, sample).items()}


@augmentations.register("volume/affine")
@dataclasses.dataclass(frozen=True)
class Affine(VolumeAugmentation):
    """Zoom, then rotation about the center, then a shift: one map, so the volume is resampled once.

    degrees: the most of the turns about D, H and W, in millimeters, so that a sphere stays one whatever the spacing;
    for thick slices (15, 0, 0) turns within them. factor: bounds of a log-uniform draw, above 1 magnifies.
    shift_fraction: the most, as a part of each side.
    """

    degrees: tuple[float, float, float] = (15.0, 15.0, 15.0)
    factor: tuple[float, float] = (0.8, 1.25)
    shift_fraction: float = 0.05
    fill: float | None = None
    mask_fill: int = IGNORE
    probability: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, degrees=(0, 180), factor=(0.01, 100), shift_fraction=(0, 1))
        draws.check(self, mask_fill=(0, 255), probability=(0, 1))

    def matrix(self, side_mm, seed):
        """The map drawn for a volume with sides of float32 [3] mm: float32 [3, 4]."""
        turn_seed, factor_seed, shift_seed = draws.split(seed, 3)
        most = [math.radians(d) for d in self.degrees]
        turn = volumes.rotation(draws.uniform(turn_seed, [-m for m in most], most))
        shift = draws.uniform(shift_seed, [-self.shift_fraction] * 3, [self.shift_fraction] * 3) * side_mm
        return tf.concat([turn * draws.log_uniform(factor_seed, self.factor), shift[:, None]], axis=1)

    def __call__(self, sample, seed):
        def change(sample, seed):
            side_mm = tf.cast(volumes.size_dhw(sample), tf.float32) * sample["spacing_mm"]
            return volumes.warp(sample, self.matrix(side_mm, seed), fill=self.fill, mask_fill=self.mask_fill)

        return _sometimes(self, sample, seed, change)


@augmentations.register("volume/elastic")
@dataclasses.dataclass(frozen=True)
class Elastic(VolumeAugmentation):
    """A smooth random displacement: normal numbers at control points, between them cubic B-splines.

    The model is of D. Rueckert et al., Nonrigid registration using free-form deformations, IEEE TMI 18(8), 1999.
    grid_mm: between control points. stddev_mm: standard deviation of the displacement of any voxel along each axis (the
    sums of splines are scaled to it); above about a fifth of grid_mm the volume begins to fold.
    """

    grid_mm: float = 40.0
    stddev_mm: float = 3.0
    fill: float | None = None
    mask_fill: int = IGNORE
    probability: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, grid_mm=(0.1, math.inf), stddev_mm=(0, math.inf))
        draws.check(self, mask_fill=(0, 255), probability=(0, 1))

    def displacement(self, size_dhw, spacing_mm, seed):
        """float32 [D, H, W, 3], millimeters."""
        weights = [volumes.spline_weights(size_dhw[i], spacing_mm[i] / self.grid_mm) for i in range(3)]
        points = [tf.shape(w)[1] for w in weights]
        return volumes.separable(self.stddev_mm * tf.random.stateless_normal([*points, 3], seed), weights)

    def __call__(self, sample, seed):
        def change(sample, seed):
            displacement = self.displacement(volumes.size_dhw(sample), sample["spacing_mm"], seed)
            return volumes.warp(sample, tf.eye(4), displacement, self.fill, self.mask_fill)

        return _sometimes(self, sample, seed, change)


@augmentations.register("volume/noise")
@dataclasses.dataclass(frozen=True)
class Noise(VolumeAugmentation):
    """Independent normal noise on every value. stddev: bounds of its standard deviation."""

    stddev: tuple[float, float] = (0.0, 0.1)
    probability: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, stddev=(0, math.inf), probability=(0, 1))

    def __call__(self, sample, seed):
        def change(sample, seed):
            strength_seed, noise_seed = draws.split(seed, 2)
            volume = sample["volume"]
            stddev = _channels(volume, strength_seed, *self.stddev)
            return sample | {"volume": volume + stddev * tf.random.stateless_normal(tf.shape(volume), noise_seed)}

        return _sometimes(self, sample, seed, change)


@augmentations.register("volume/gamma")
@dataclasses.dataclass(frozen=True)
class Gamma(VolumeAugmentation):
    """x^g of the intensities rescaled to 0..1 of the volume's own range, then back to their mean and deviation.

    As in nnU-Net (F. Isensee et al., 2018, arXiv:1809.10486; "retain stats" of its batchgenerators). gamma: bounds of a
    log-uniform draw; below 1 brightens what is dark.
    """

    gamma: tuple[float, float] = (0.7, 1.5)
    probability: float = 0.3

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, gamma=(0.01, 100), probability=(0, 1))

    def __call__(self, sample, seed):
        def change(sample, seed):
            volume = sample["volume"]
            gamma = tf.exp(_channels(volume, seed, *(math.log(g) for g in self.gamma)))
            low, high = volumes.minimum(volume), -volumes.minimum(-volume)
            curved = tf.math.divide_no_nan(volume - low, high - low) ** gamma
            (mean, variance), (new_mean, new_variance) = (tf.nn.moments(v, [0, 1, 2]) for v in (volume, curved))
            factor = tf.math.divide_no_nan(tf.sqrt(variance), tf.sqrt(new_variance))
            return sample | {"volume": mean + (curved - new_mean) * factor}

        return _sometimes(self, sample, seed, change)


@augmentations.register("volume/intensity")
@dataclasses.dataclass(frozen=True)
class Intensity(VolumeAugmentation):
    """Every value times a factor within `scale` of 1, plus a number within +-`shift`."""

    scale: float = 0.1
    shift: float = 0.1
    probability: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, scale=(0, math.inf), shift=(0, math.inf), probability=(0, 1))

    def __call__(self, sample, seed):
        def change(sample, seed):
            volume = sample["volume"]
            scale_seed, shift_seed = draws.split(seed, 2)
            factor = _channels(volume, scale_seed, max(0.0, 1.0 - self.scale), 1.0 + self.scale)
            return sample | {"volume": factor * volume + _channels(volume, shift_seed, -self.shift, self.shift)}

        return _sometimes(self, sample, seed, change)


@augmentations.register("volume/bias_field")
@dataclasses.dataclass(frozen=True)
class BiasField(VolumeAugmentation):
    """A smooth factor, the exponential of a polynomial of position: the uneven sensitivity of an MR scanner's coils.

    The model is of K. Van Leemput et al., Automated model-based bias field correction of MR images of the brain, IEEE
    TMI 18(10), 1999; as an augmentation it is TorchIO's (F. Perez-Garcia et al., 2020, arXiv:2003.04696). coefficient:
    the most of each coefficient, of coordinates from -1 to 1 along each side. order: of the polynomial, whose constant
    is left out. The factor is of what lies above the volume's minimum, for air is no longer 0 once standardized.
    """

    coefficient: float = 0.3
    order: int = 3
    probability: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, coefficient=(0, math.inf), order=(1, 8), probability=(0, 1))

    def field(self, size_dhw, channels, seed):
        """The factor: float32 [D, H, W, C]."""
        degree = tf.reduce_sum(tf.stack(tf.meshgrid(*[tf.range(self.order + 1)] * 3, indexing="ij")), axis=0)
        held = tf.cast((degree >= 1) & (degree <= self.order), tf.float32)[..., None]
        drawn = tf.random.stateless_uniform([*degree.shape, channels], seed, -self.coefficient, self.coefficient)
        powers = tf.range(float(self.order + 1))
        sides = tf.unstack(tf.cast(size_dhw, tf.float32))
        weights = [((2.0 * tf.range(n) + 1.0) / n - 1.0)[:, None] ** powers for n in sides]
        return tf.exp(volumes.separable(held * drawn, weights))

    def __call__(self, sample, seed):
        def change(sample, seed):
            volume = sample["volume"]
            low = volumes.minimum(volume)
            field = self.field(volumes.size_dhw(sample), tf.shape(volume)[-1], seed)
            return sample | {"volume": low + (volume - low) * field}

        return _sometimes(self, sample, seed, change)
