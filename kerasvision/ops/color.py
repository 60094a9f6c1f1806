"""Color as arithmetic on RGB in 0..255. Images are uint8 [H, W, 3], pixels float32 of the same shape.

Brightness, contrast, saturation and a turn of hue are affine maps of a pixel that commute with each other, as each
keeps or scales gray: so any number of them is one 3x3 matrix and one offset, applied once, rounded once.
"""

import numpy as np
import tensorflow as tf

LUMA = (0.299, 0.587, 0.114)  # Rec. ITU-R BT.601: gray of RGB, as PIL's "L"

_YIQ = np.array([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])  # NTSC 1953; a row a component
# the turn of (I, Q) by an angle is _STILL + cos * _COS + sin * _SIN in RGB
_STILL, _COS, _SIN = (
    (np.linalg.inv(_YIQ) @ turn @ _YIQ).astype(np.float32)
    for turn in (
        np.diag([1.0, 0.0, 0.0]),
        np.diag([0.0, 1.0, 1.0]),
        np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    )
)


def saturation_matrix(factor):
    """factor * RGB + (1 - factor) * gray: 0 is gray, 1 keeps the image. float32 [3, 3], `rgb_out = matrix @ rgb`."""
    return factor * tf.eye(3) + (1.0 - factor) * tf.constant([LUMA] * 3)


def hue_matrix(turns):
    """A turn of the chromaticity plane of YIQ; keeps luma. turns: 1 is a full circle. float32 [3, 3]."""
    angle = turns * (2.0 * np.pi)
    return tf.constant(_STILL) + tf.cos(angle) * tf.constant(_COS) + tf.sin(angle) * tf.constant(_SIN)


def mix(pixels, matrix, offset=0.0):
    """`matrix @ rgb + offset` of every pixel."""
    flat = tf.reshape(pixels, [-1, 3])
    return tf.reshape(tf.matmul(flat, matrix, transpose_b=True) + offset, tf.shape(pixels))


def mean_gray(pixels):
    """Mean luma of the image, a float32 scalar."""
    height, width = tf.unstack(tf.shape(pixels)[:2])
    # down the columns first: sums of long rows are vectorized, sums over rows of three values are not
    columns = tf.reduce_sum(tf.reshape(pixels, [height, width * 3]), axis=0)
    sums = tf.reduce_sum(tf.reshape(columns, [width, 3]), axis=0)
    return tf.reduce_sum(sums * tf.constant(LUMA)) / tf.cast(height * width, tf.float32)


def jitter(pixels, brightness, contrast, saturation, turns):
    """All four at once, scalars. contrast: about the mean gray, `c * x + (1 - c) * mean`; the others as above."""
    matrix = (brightness * contrast) * (saturation_matrix(saturation) @ hue_matrix(turns))
    return mix(pixels, matrix, (1.0 - contrast) * brightness * mean_gray(pixels))


def lookup(image, tables):
    """Each value of an image through a table. tables: uint8 [256], or [3, 256] with one a channel."""
    if tables.shape.rank == 1:
        return tf.gather(tables, tf.cast(image, tf.int32))
    return tf.gather(tf.reshape(tables, [-1]), tf.cast(image, tf.int32) + tf.constant([0, 256, 512]))


def gamma_table(gamma):
    """255 (x / 255)^gamma, rounded. uint8 [256]."""
    return _rounded(255.0 * (tf.range(256.0) / 255.0) ** gamma)


def autocontrast_tables(image):
    """Stretches each channel's darkest value to 0 and lightest to 255; a flat channel stays. uint8 [3, 256]."""
    low = tf.cast(tf.reduce_min(image, axis=[0, 1]), tf.float32)[:, None]
    high = tf.cast(tf.reduce_max(image, axis=[0, 1]), tf.float32)[:, None]
    values = tf.range(256.0)[None]
    return _rounded(tf.where(high > low, (values - low) * 255.0 / tf.maximum(high - low, 1.0), values))


def equalize_tables(image):
    """Histogram equalization of each channel as PIL's ImageOps.equalize does it. uint8 [3, 256]."""
    flat = tf.cast(tf.reshape(image, [-1, 3]), tf.int32) + tf.constant([0, 256, 512])
    counts = tf.reshape(tf.math.bincount(tf.reshape(flat, [-1]), minlength=768, maxlength=768), [3, 256])
    lightest = tf.reduce_max(tf.where(counts > 0, tf.range(256), 0), axis=1)  # [3]
    pixels = tf.reduce_sum(counts, axis=1)
    step = (pixels - tf.gather(counts, lightest, batch_dims=1)) // 255  # PIL's integer arithmetic
    levels = step[:, None] // 2 + tf.cumsum(counts, axis=1, exclusive=True)
    tables = tf.minimum(levels // tf.maximum(step, 1)[:, None], 255)
    return tf.cast(tf.where(step[:, None] > 0, tables, tf.range(256)[None]), tf.uint8)


def _rounded(values):
    return tf.cast(tf.clip_by_value(tf.round(values), 0.0, 255.0), tf.uint8)


def smoothed(pixels):
    """PIL's SMOOTH filter: 3x3 of ones with 5 in the middle, over 13; the outermost pixels stay as they are."""
    kernel = tf.constant(np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13.0)
    blurred = tf.nn.depthwise_conv2d(pixels[None], tf.tile(kernel[..., None, None], [1, 1, 3, 1]), [1] * 4, "SAME")[0]
    h, w = tf.unstack(tf.shape(pixels)[:2])
    rows, columns = tf.range(h)[:, None, None], tf.range(w)[None, :, None]
    inner = (rows > 0) & (rows < h - 1) & (columns > 0) & (columns < w - 1)
    return tf.where(inner, blurred, pixels)


def gaussian_kernel(sigma, radius):
    """Weights at -radius..radius, sum 1. sigma: scalar in px; radius: Python int."""
    weights = tf.exp(-0.5 * (tf.range(-float(radius), radius + 1.0) / sigma) ** 2)
    return weights / tf.reduce_sum(weights)


def convolve_separable(pixels, kernel):
    """Along rows, then columns, without padding. pixels: [H, W, C]; kernel: [K] -> [H - K + 1, W - K + 1, C]."""
    channels = pixels.shape[-1]
    rows = tf.tile(kernel[None, :, None, None], [1, 1, channels, 1])
    out = tf.nn.depthwise_conv2d(pixels[None], rows, [1] * 4, "VALID")
    return tf.nn.depthwise_conv2d(out, tf.transpose(rows, [1, 0, 2, 3]), [1] * 4, "VALID")[0]


def gaussian_blur(pixels, sigma, radius):
    """Gaussian blur with the border's values repeated beyond it. pixels: float32 [H, W, C] -> the same shape."""
    for axis in (0, 1):
        side = tf.shape(pixels)[axis]
        pixels = tf.gather(pixels, tf.clip_by_value(tf.range(-radius, side + radius), 0, side - 1), axis=axis)
    return convolve_separable(pixels, gaussian_kernel(sigma, radius))


# IEC 61966-2-1: linear sRGB to CIE XYZ, and the white point D65 of CIE's standard observer of 2 degrees
_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])
_EDGE = (6 / 29) ** 3  # below which the cube root becomes a line


def lab(picture):
    """sRGB [..., 3] in 0..1 -> CIELAB (CIE 1976): L 0..100, a and b about -108..99."""
    bent = ((picture + 0.055) / 1.055) ** 2.4
    linear = tf.where(picture > 0.04045, bent, picture / 12.92)
    xyz = tf.tensordot(linear, tf.constant((_XYZ / _WHITE[:, None]).T, picture.dtype), 1)
    root = tf.maximum(xyz, _EDGE) ** (1 / 3)
    x, y, z = tf.unstack(tf.where(xyz > _EDGE, root, xyz * (841 / 108) + 4 / 29), axis=-1)
    return tf.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], -1)
