"""What every architecture over one volume shares: how its voxels reach the graph."""

import math

import tensorflow as tf

from kerasvision.core.errors import SAYS, KerasVisionError, UsageError
from kerasvision.ops import volumes
from kerasvision.tasks.base import PREPROCESS, Architecture, Input

LEAST_DEVIATION = 1e-6  # of a volume's intensities


class VolumeArchitecture(Architecture):
    """Abstract. Concrete ones have these fields; sizes are numbers of voxels along D, H, W (towards superior, anterior
    and right, as `sources/volumes` gives them).

    volume_size: what the graph sees. channels: of a volume. spacing_mm: sides of a voxel that volumes are resampled to;
    (): their own. window: (low, high), intensities that become -1 and 1, with what is beyond cut off; (): a volume's
    own mean becomes 0 and its standard deviation 1.
    """

    volume_size: tuple[int, int, int]
    channels: int
    spacing_mm: tuple[float, ...]
    window: tuple[float, ...]
    strides: tuple[tuple[int, int, int], ...]
    width: int
    max_width: int

    def __post_init__(self):
        super().__post_init__()
        what = type(self).__name__
        if len(self.spacing_mm) not in (0, 3) or not all(0 < s < math.inf for s in self.spacing_mm):
            raise UsageError(f"{what}: spacing_mm={self.spacing_mm}; allowed: () or three lengths above 0")
        if self.window and not (len(self.window) == 2 and self.window[0] < self.window[1]):
            raise UsageError(f"{what}: window={self.window}; allowed: () or (low, high), low below high")
        if min(self.volume_size) < 1 or self.channels < 1:
            raise UsageError(f"{what}: volume_size={self.volume_size}, channels={self.channels}; give 1 or more")

    def wide(self, level):
        """Channels after so many strides: twice as many after each, at most max_width."""
        return min(self.width * 2**level, self.max_width)

    def check_strides(self):
        """Raises when volume_size cannot be divided by all strides."""
        if any(min(s) < 1 for s in self.strides):
            raise KerasVisionError(f"{self.registered_name}: strides={self.strides}; give 1 or more along every axis")
        every = tuple(math.prod(s[axis] for s in self.strides) for axis in range(3))
        if any(side % step for side, step in zip(self.volume_size, every, strict=True)):
            raise KerasVisionError(
                f"{self.registered_name}: volume_size={self.volume_size} is no multiple of {every}, the product of its "
                "strides; change either"
            )

    def serving_inputs(self):
        volume = tf.TensorSpec([None, None, None, None, self.channels], tf.float32, name="volume")
        spacing = tf.TensorSpec([None, 3], tf.float32, name="spacing_mm")
        return {"volume": Input(volume, "volume"), "spacing_mm": Input(spacing, "numbers", read_with="volume")}

    def prepared_inputs(self):
        return {"volume": tf.TensorSpec([None, *self.volume_size, self.channels], tf.float32, name="volume")}

    def normalize(self, prepared):
        return dict(prepared)

    def standardized(self, volume, spacing_mm):
        """float32 [B, D, H, W, C] with its spacing [B, 3] -> the same with intensities as the graph sees them, at
        `spacing_mm` where that is set. All volumes of a batch have one spacing.
        """
        if self.window:
            low, high = self.window
            volume = (tf.clip_by_value(volume, low, high) - low) * (2.0 / (high - low)) - 1.0
        else:
            mean, variance = tf.nn.moments(volume, [1, 2, 3, 4], keepdims=True)
            volume = (volume - mean) / tf.maximum(tf.sqrt(variance), LEAST_DEVIATION)
        if not self.spacing_mm:
            return volume
        text = f"{SAYS} a volume's spacing is one positive length of mm for each of its axes, equal within a batch"
        valid = tf.reduce_all((spacing_mm > 0) & (tf.abs(spacing_mm - spacing_mm[:1]) < 1e-3))
        with tf.control_dependencies([tf.debugging.Assert(valid, [text, spacing_mm])]):
            sides = tf.cast(tf.shape(volume)[1:4], tf.float32) * spacing_mm[0] / tf.constant(self.spacing_mm)
        return volumes.resize(volume, tf.maximum(tf.cast(tf.round(sides), tf.int32), 1))

    def preprocessing(self):
        """axes: the RAS orientation, its axes reversed. spacing_mm: None where a volume keeps its own. Those who know
        add `resize`.
        """
        window = {"rule": "window", **dict(zip(("low", "high"), self.window, strict=False))}
        standard = {"rule": "mean_and_deviation", "least_deviation": LEAST_DEVIATION}
        return {
            "version": PREPROCESS,
            "kind": "volume",
            "size_dhw": list(self.volume_size),
            "channels": self.channels,
            "axes": ["superior", "anterior", "right"],
            "spacing_mm": list(self.spacing_mm) or None,
            "intensities": window if self.window else standard,
            "resample": "trilinear",
            "half_pixel_centers": True,
            "antialias": "none",
            "rounding": "half_to_even",
            "normalization_inside_files": False,
        }
