"""A picture of any size to the graph's by operators that every TFLite interpreter has: `ops.geometry` inside of a file.
Sizes of results are known beforehand, whatever the picture's, so that a runtime plans its memory once.

An axis of n results looks at a window of `length` pixels from `origin` on, and has its `inner` results from `start` on;
what lies outside of them is gray. Result i, counted from `start`, covers the pixels from i * s to (i + 1) * s of the
window, s = length / inner, and has its center at (i + 0.5) * s. Interpolation weighs the pixels around the center.
The mean over a field is a difference of running sums S (Crow 1984, "Summed-area tables for texture mapping"; here one
axis after the other): (S((i + 1) * s) - S(i * s)) / s. Sums of 8-bit pixels are whole numbers below 2^24 and exact in
float32 on pictures of up to 65,793 rows; along the other axis their rounding, at most 2^-5 a pixel that is added in
4,096 of them, is divided by as many pixels as were added.
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.ops.geometry import INTERPOLATED, RESIZES

TABLE = 1024  # steps of the cubic's coefficients between two pixels, as TensorFlow has them
CUBIC = -0.5  # Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing"


@dataclasses.dataclass(frozen=True)
class _Axis:
    """Scalars int32 tensors but `count`, an int."""

    count: int
    length: typing.Any
    origin: typing.Any
    inner: typing.Any
    start: typing.Any

    @property
    def scale(self):
        """Pixels a result, float32."""
        return tf.cast(self.length, tf.float32) / tf.cast(self.inner, tf.float32)

    @property
    def numbers(self):
        """float32 [count]: of each result from `start` on; those outside are the nearest inside."""
        return tf.cast(tf.clip_by_value(tf.range(self.count) - self.start, 0, self.inner - 1), tf.float32)

    @property
    def holds(self):
        """bool [count]: what is not gray."""
        at = tf.range(self.count) - self.start
        return tf.logical_and(at >= 0, at < self.inner)

    @property
    def shrinks(self):
        """Whether `antialias` averages this side."""
        return self.length > 2 * self.inner


def fit(image, rules):
    """uint8 [1, H, W, C] -> (uint8 [1, h, w, C], geometry as of `ops.geometry.fit_images`).

    rules: `preprocess` of a contract, of kind "image". Raises ValueError of a `resize` that has no size of its own.
    """
    if rules["resize"] not in RESIZES:
        raise ValueError(f"resize {rules['resize']!r}; allowed: {', '.join(RESIZES)}")
    sides = tf.shape(image)[1:3]
    axes, scale_yx, offset_yx = PLACES[rules["resize"]](sides, rules)
    geometry = {
        "scale_xy": scale_yx[::-1][None],
        "offset_xy": offset_yx[::-1][None],
        "image_hw": sides[None],
    }
    average = rules["antialias"] == "area" and rules["resample"] in INTERPOLATED
    pixels = image
    for number, axis in enumerate(axes, 1):
        pixels = _scaled(pixels, axis, number, rules["resample"], average)
    pixels = tf.clip_by_value(tf.round(pixels), 0.0, 255.0)
    if rules["resize"] == "letterbox":
        inside = tf.logical_and(axes[0].holds[:, None, None], axes[1].holds[None, :, None])[None]
        pixels = tf.where(inside, pixels, float(rules["letterbox"]["gray"]))
    return tf.cast(pixels, tf.uint8), geometry


def _stretch(sides, rules):
    axes = [_Axis(n, sides[k], 0, _whole(n, sides[k]), 0) for k, n in enumerate(rules["size_hw"])]
    return axes, tf.constant(rules["size_hw"], tf.float32) / tf.cast(sides, tf.float32), tf.zeros([2])


def _whole(count, length):
    """`count` as a tensor that no converter takes for a constant: of a division by one it makes a multiplication, whose
    rounding puts a place that is whole before the pixel that it should be in.
    """
    return count * tf.minimum(length, 1)


def _letterbox(sides, rules):
    size, hw = rules["size_hw"], tf.cast(sides, tf.float32)
    scale = tf.minimum(size[0] / hw[0], size[1] / hw[1])
    inner = tf.minimum(tf.maximum(tf.cast(tf.round(hw * scale), tf.int32), 1), tf.constant(size))
    start = (tf.constant(size) - inner) // 2
    axes = [_Axis(n, sides[k], 0, inner[k], start[k]) for k, n in enumerate(size)]
    return axes, tf.cast(inner, tf.float32) / hw, tf.cast(start, tf.float32)


def _center_crop(sides, rules):
    size, hw = rules["size_hw"], tf.cast(sides, tf.float32)
    step = tf.minimum(hw[0] / size[0], hw[1] / size[1]) * rules["crop_fraction"]  # original pixels a graph pixel
    window = tf.maximum(tf.cast(tf.round(tf.stack([size[0] * step, size[1] * step])), tf.int32), 1)
    origin = (sides - window) // 2
    axes = [_Axis(n, window[k], origin[k], _whole(n, window[k]), 0) for k, n in enumerate(size)]
    scale = tf.constant(size, tf.float32) / tf.cast(window, tf.float32)
    return axes, scale, -(tf.cast(origin, tf.float32) * scale)


PLACES = {"stretch": _stretch, "letterbox": _letterbox, "center_crop": _center_crop}


def _scaled(pixels, axis, number, method, average):
    """float32, of `axis.count` places along axis `number`."""
    if method == "area":
        return _averaged(pixels, axis, number)
    found = _weighted(pixels, TAPS[method](axis), axis, number)
    return tf.where(axis.shrinks, _averaged(pixels, axis, number), found) if average else found


def _weighted(pixels, taps, axis, number):
    """taps: [(float32 [count] whole numbers, places within the window; float32 [count] their weights)]."""
    last, total = tf.cast(axis.length - 1, tf.float32), 0.0
    for place, weight in taps:
        inside = tf.cast(tf.minimum(tf.maximum(place, 0.0), last), tf.int32) + axis.origin
        total += tf.cast(tf.gather(pixels, inside, axis=number), tf.float32) * _along(weight, number)
    return total


def _along(values, number):
    """[count] as one axis of four."""
    return tf.reshape(values, [-1 if k == number else 1 for k in range(4)])


def _bilinear(axis):
    at = (axis.numbers + 0.5) * axis.scale - 0.5
    low = tf.floor(at)
    return [(low, 1 - (at - low)), (low + 1, at - low)]


def _nearest(axis):
    place = tf.floor((axis.numbers + 0.5) * axis.scale)
    return [(place, tf.ones_like(place))]


def _bicubic(axis):
    """Places beyond the border weigh nothing, and the others share what is missing."""
    at = (axis.numbers + 0.5) * axis.scale - 0.5
    low, last = tf.floor(at), tf.cast(axis.length, tf.float32) - 1
    near = tf.round((at - low) * TABLE) / TABLE
    places = [low + shift for shift in (-1.0, 0.0, 1.0, 2.0)]
    weights = [_outer(near + 1), _inner(near), _inner(1 - near), _outer(2 - near)]
    weights = [w * tf.cast(tf.logical_and(p >= 0, p <= last), tf.float32) for p, w in zip(places, weights, strict=True)]
    return [(p, w / tf.add_n(weights)) for p, w in zip(places, weights, strict=True)]


def _inner(away):
    return ((CUBIC + 2) * away - (CUBIC + 3)) * away * away + 1


def _outer(away):
    return ((CUBIC * away - 5 * CUBIC) * away + 8 * CUBIC) * away - 4 * CUBIC


TAPS = {"bilinear": _bilinear, "bicubic": _bicubic, "nearest": _nearest}


def _averaged(pixels, axis, number):
    """The mean over each result's field, parts of pixels counted as parts."""
    pixels = tf.cast(pixels, tf.float32)
    sums = tf.cumsum(pixels, axis=number)
    low, high = axis.numbers * axis.scale, (axis.numbers + 1) * axis.scale

    def until(at):
        """The sum of what lies before a place: of whole pixels, and of the part of the one it is in."""
        whole = tf.minimum(tf.floor(at), tf.cast(axis.length - 1, tf.float32))
        index = tf.cast(whole, tf.int32) + axis.origin
        missing = _along(1 - (at - whole), number)
        return tf.gather(sums, index, axis=number) - tf.gather(pixels, index, axis=number) * missing

    return (until(high) - until(low)) / _along(high - low, number)
