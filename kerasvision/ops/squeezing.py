"""Simplified pictures: what is too small to see does not survive. float32 [B, h, w, C] in and out, pixels 0..255.

Depth and median: "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks" (Xu, Evans, Qi 2018,
arXiv:1704.01155, section 3). Cosines: "A study of the effect of JPG compression on adversarial images" (Dziugaite,
Ghahramani, Roy 2016, arXiv:1608.00853). Resize and pad: "Mitigating Adversarial Effects Through Randomization" (Xie,
Wang, Zhang, Ren, Yuille 2018, arXiv:1711.01991). All are made of TFLite's builtin operators.
"""

import numpy as np
import tensorflow as tf

SIDE = 8  # of a block
GRAY = 127.5
# by which 9 values are exchanged until the middle one stands at 4: N. Devillard, "Fast median search: an ANSI C
# implementation" (1998), opt_med9, after J. Smith, "Implementing Median Filters in XC4000E FPGAs" (Xcell 23, 1996)
_EXCHANGES = (
    *((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3), (5, 8), (4, 7), (3, 6)),
    *((1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2)),
)
# ITU-T T.81 (1992), tables K.1 and K.2
_LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32),
)
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def reduced_depth(pixels, bits):
    """The nearest of 2^bits shades. bits: 1 to 8."""
    most = 2**bits - 1
    return tf.round(pixels * (most / 255)) * (255 / most)


def median(pixels):
    """Of each value and its eight neighbors; at the border the picture is mirrored."""
    around = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    h, w = pixels.shape[1:3]
    held = [around[:, y : y + h, x : x + w] for y in range(3) for x in range(3)]
    for a, b in _EXCHANGES:
        held[a], held[b] = tf.minimum(held[a], held[b]), tf.maximum(held[a], held[b])
    return held[4]


def block_cosines(pixels, quality):
    """What JPEG of a quality of 1 to 100, without subsampling, leaves of RGB pictures; its cosines are exact here."""
    h, w = pixels.shape[1:3]
    rows, columns = -h % SIDE, -w % SIDE
    basis = tf.constant(_basis(), tf.float32)
    inverse = np.linalg.inv(_TO_YCC)
    ycc = tf.round(_mixed(pixels, _TO_YCC)) - np.float32([128, 0, 0])
    planes = []
    for channel, table in enumerate((_LUMINANCE, _CHROMINANCE, _CHROMINANCE)):
        plane = _extended(ycc[..., channel : channel + 1], rows, columns)
        steps = tf.constant(_steps(table, quality), tf.float32)
        found = tf.round(tf.nn.conv2d(plane, basis, SIDE, "VALID") / steps) * steps
        back = tf.nn.conv2d_transpose(found, basis, tf.shape(plane), SIDE, "VALID")
        planes.append(tf.clip_by_value(tf.round(back[:, :h, :w]), -128.0, 127.0))
    rgb = _mixed(tf.concat(planes, -1) + np.float32([128, 0, 0]), inverse)
    return tf.clip_by_value(tf.round(rgb), 0.0, 255.0)


def placed(pixels, least):
    """Each picture smaller, at some place on gray. least: the smallest share of its side, above 0, to 1.

    The draws are of the sum of its rounded pixels, so that a picture looks the same in every runtime and at every call,
    and one that is changed a little looks otherwise.
    """
    h, w = pixels.shape[1:3]
    total = tf.reduce_sum(tf.cast(tf.round(pixels), tf.int32), [1, 2, 3])
    shares = [tf.cast(tf.math.floormod(total, prime), tf.float32) / (prime - 1) for prime in (97, 89, 83)]
    scale = least + (1.0 - least) * shares[0]
    down, across = (_resampling(side, scale, share) for side, share in ((h, shares[1]), (w, shares[2])))
    flat = [-1, h, w * pixels.shape[3]]
    tall = tf.reshape(tf.matmul(down, tf.reshape(pixels - GRAY, flat)), [-1, h, w, pixels.shape[3]])
    wide = tf.matmul(across[:, tf.newaxis], tall)
    return wide + GRAY


def _resampling(side, scale, share):
    """float32 [B, side, side]: what each row takes of each row of the picture, bilinear between their centers. scale:
    of the picture; share: of the room that is left, which stands before it; both [B].
    """
    scale, share = scale[:, None, None], share[:, None, None]
    target = tf.reshape(tf.range(side, dtype=tf.float32), [1, side, 1]) + 0.5
    source = (target - share * (1.0 - scale) * side) / scale
    place = tf.reshape(tf.range(side, dtype=tf.float32), [1, 1, side]) + 0.5
    within = tf.cast((source >= 0.0) & (source <= float(side)), tf.float32)
    return within * tf.nn.relu(1.0 - tf.abs(tf.clip_by_value(source, 0.5, side - 0.5) - place))


def _extended(plane, rows, columns):
    """With its last row and column again, as often as is said."""
    plane = tf.concat([plane, *[plane[:, -1:]] * rows], 1) if rows else plane
    return tf.concat([plane, *[plane[:, :, -1:]] * columns], 2) if columns else plane


def _mixed(pixels, matrix):
    return tf.nn.conv2d(pixels, tf.constant(np.asarray(matrix).T[None, None], tf.float32), 1, "VALID")


def _basis():
    """[8, 8, 1, 64]: the cosines of a block, of length 1; frequency 8 u + v has u half-waves down and v across."""
    place, wave = np.arange(SIDE) + 0.5, np.arange(SIDE)[:, None]
    cosines = np.cos(np.pi * wave * place / SIDE) * np.where(wave == 0, np.sqrt(1 / SIDE), np.sqrt(2 / SIDE))
    return np.einsum("uy,vx->yxuv", cosines, cosines).reshape(SIDE, SIDE, 1, SIDE**2)


def _steps(table, quality):
    """The table's steps at a quality, as the Independent JPEG Group's software scales them."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((np.array(table) * scale + 50) // 100, 1, 255)
