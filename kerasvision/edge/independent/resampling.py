"""Resizing as a contract says it, in float32 and in this order of operations. numpy.

An output index i looks at (i + 0.5) * scale - 0.5 of the input, scale = input / output ("half_pixel_centers"); the
border repeats. On x86 the results equal those of the graph to the bit; a processor that fuses multiplications with
additions may round the last bit otherwise, which moves an 8-bit value by 1 where it lies halfway between two.
"""

import numpy as np

TABLE = 1024  # steps of the cubic's coefficients between two pixels
CUBIC = -0.5  # Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing"


def resize(pixels, size, method="bilinear"):
    """[H, W, C] -> float32 [h, w, C]. size: (h, w). method: `bilinear`, `bicubic`, `nearest` or `area`."""
    return METHODS[method](np.asarray(pixels), tuple(int(side) for side in size))


def to_bytes(pixels):
    """Float pixels to the nearest of 0..255, halves to the even one."""
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def resize_volume(volume, size):
    """Trilinear: float32 [D, H, W, C] -> [d, h, w, C]: planes of H x W first, then along D."""
    depth, height, width, channels = volume.shape
    d, h, w = (int(side) for side in size)
    planes = np.stack([bilinear(plane, (h, w)) for plane in volume])
    rows = planes.reshape(depth, h * w, channels)
    return bilinear(rows, (d, h * w)).reshape(d, h, w, channels)


def _places(count, length):
    """Where output indices look, float32."""
    scale = np.float32(length) / np.float32(count)
    return (np.arange(count, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)


def _pairs(count, length):
    """(lower index, upper index, share of the upper one) of each output index."""
    at = _places(count, length)
    upper = np.minimum(np.ceil(at).astype(np.int64), length - 1)
    lower = np.minimum(np.maximum(np.floor(at).astype(np.int64), 0), upper)
    return lower, upper, (at - np.floor(at)).astype(np.float32)


def bilinear(pixels, size):
    """Along a row first, then between two rows."""
    pixels = pixels.astype(np.float32)
    (top, bottom, down), (left, right, across) = (
        _pairs(count, length) for count, length in zip(size, pixels.shape[:2], strict=True)
    )
    across, down = across[:, None], down[:, None, None]

    def between(rows):
        first = pixels[rows][:, left]
        return first + (pixels[rows][:, right] - first) * across

    upper = between(top)
    return upper + (between(bottom) - upper) * down


def nearest(pixels, size):
    """The pixel whose area holds the place."""
    rows, columns = (
        np.clip(np.floor(_places(count, length) + np.float32(0.5)).astype(np.int64), 0, length - 1)
        for count, length in zip(size, pixels.shape[:2], strict=True)
    )
    return pixels[rows][:, columns].astype(np.float32)


def bicubic(pixels, size):
    """Four pixels an axis, columns first; those beyond the border weigh 0, and the others share what is missing."""
    pixels = pixels.astype(np.float32)
    (rows, down), (columns, across) = (
        _cubic(count, length) for count, length in zip(size, pixels.shape[:2], strict=True)
    )
    lines = _weighted([pixels[r] for r in rows], [w[:, None, None] for w in down])
    return _weighted([lines[:, c] for c in columns], [w[:, None] for w in across])


def _weighted(values, weights):
    total = values[0] * weights[0]
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total = total + value * weight
    return total


def _cubic(count, length):
    """([four int arrays], [four float32 arrays]): the pixels of each output index and their weights."""
    near = np.arange(TABLE + 1) / TABLE
    inner = ((CUBIC + 2) * near - (CUBIC + 3)) * near * near + 1
    far = near + 1
    outer = ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC
    inner, outer = inner.astype(np.float32), outer.astype(np.float32)
    at = _places(count, length)
    first = np.floor(at).astype(np.int64)
    step = np.rint((at - first.astype(np.float32)) * np.float32(TABLE)).astype(np.int64)
    weights = [outer[step], inner[step], inner[TABLE - step], outer[TABLE - step]]
    places = [first + shift for shift in (-1, 0, 1, 2)]
    weights = [np.where((p >= 0) & (p < length), w, np.float32(0)) for p, w in zip(places, weights, strict=True)]
    share = np.float32(1) / (((weights[0] + weights[1]) + weights[2]) + weights[3])
    return [np.clip(p, 0, length - 1) for p in places], [w * share for w in weights]


def area(pixels, size):
    """The mean over the field of each output pixel, parts of pixels counted as parts."""
    pixels = pixels.astype(np.float32)
    (rows, down, high), (columns, across, wide) = (
        _fields(count, length) for count, length in zip(size, pixels.shape[:2], strict=True)
    )
    lines = None
    for y in range(rows.shape[1]):
        part = pixels[rows[:, y]]
        along = np.zeros((size[0], size[1], pixels.shape[2]), np.float32)
        for x in range(columns.shape[1]):
            along = along + part[:, columns[:, x]] * across[:, x, None]
        along = along * down[:, y, None, None]
        lines = along if lines is None else lines + along
    return lines * (np.float32(1) / (high * wide))


def _fields(count, length):
    """(int [count, n] pixels of each field, float32 [count, n] their shares, the field's length)."""
    scale = np.float32(length) / np.float32(count)
    low = np.arange(count, dtype=np.float32) * scale
    high = (np.arange(count, dtype=np.float32) + np.float32(1)) * scale
    first, end = np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)
    index = first[:, None] + np.arange((end - first).max())
    left, right = index.astype(np.float32), (index + 1).astype(np.float32)
    low, high = low[:, None], high[:, None]
    cut_left = np.where(right > high, scale, right - low)
    share = np.where(left < low, cut_left, np.where(right > high, high - left, np.float32(1)))
    return np.clip(index, 0, length - 1), np.where(index < end[:, None], share, np.float32(0)), scale


def shrink(pixels, size, method):
    """`antialias` "area": sides that shrink by more than two are averaged, then the others are interpolated.

    A pixel of the result is the mean of what it covers, those at both ends with the part of them that lies in between;
    nothing is rounded before interpolation.
    """
    sides = zip(size, pixels.shape[:2], strict=True)
    averaged = area(pixels, [count if length > 2 * count else length for count, length in sides])
    return resize(averaged, size, method)


METHODS = {"bilinear": bilinear, "bicubic": bicubic, "nearest": nearest, "area": area}
