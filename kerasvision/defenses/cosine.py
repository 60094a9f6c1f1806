"""Blockwise cosine quantization, which is what JPEG loses: the fine parts of each 8 x 8 pixels in large steps.

ITU-T T.81 (1992, annex A.3.3 and table K.1); steps for a quality as libjpeg has them. "A study of the effect of JPG
compression on adversarial images" (Dziugaite, Ghahramani, Roy 2016, arXiv:1608.00853).
"""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import defenses
from kerasvision.defenses.base import Defense, let_through

SIDE = 8
LUMINANCE = np.array(  # table K.1, a row a vertical frequency
    [
        (16, 11, 10, 16, 24, 40, 51, 61),
        (12, 12, 14, 19, 26, 58, 60, 55),
        (14, 13, 16, 24, 40, 57, 69, 56),
        (14, 17, 22, 29, 51, 87, 80, 62),
        (18, 22, 37, 56, 68, 109, 103, 77),
        (24, 35, 55, 64, 81, 104, 113, 92),
        (49, 64, 78, 87, 103, 121, 120, 101),
        (72, 92, 95, 98, 112, 100, 103, 99),
    ]
)
_BITS = 11  # of the fractions of the transform: sums of whole pixels stay below 2**21, and float32 has all of them
_AT_ONCE = 8  # frequencies a matrix: converters round constants of 1,024 numbers and more


@defenses.register("cosine")
@dataclasses.dataclass(frozen=True)
class Cosine(Defense):
    """quality: 1 to 100 as of a JPEG; its luminance table for every channel, without the coding, the change of colors
    and the averaging of them. Sides that are no multiple of 8 go on with their last pixels. straight_through: as of
    `bit_depth`.

    Pixels are rounded first, and the cosines are fractions of 2**11, so that sums are exact in any order and no closer
    than half a unit to a half: every runtime rounds alike. A frequency is at most 64 * 128 / 2**12 = 2 off by that.
    """

    quality: int = 75
    straight_through: bool = True

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.quality <= 100:
            raise UsageError(f"cosine.quality={self.quality}; allowed: 1 to 100")

    def __call__(self, pixels):
        _, h, w, channels = pixels.shape
        rows = _blocks(_longer(_longer(tf.round(pixels), 1, -h % SIDE), 2, -w % SIDE)) - 128.0
        steps, found = table(self.quality).reshape(-1).astype(np.float32), []
        for start in range(0, SIDE * SIDE, _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            matrix, step = transform()[:, some], steps[some]
            whole = tf.round((rows @ matrix + 0.5) / (step * 2.0**_BITS))  # of two neighbors the upper one
            found.append(tf.matmul(whole * step, matrix / np.float32(2**_BITS), transpose_b=True))
        made = tf.clip_by_value(tf.add_n(found) + 128.0, 0.0, 255.0)
        squeezed = _picture(made, h + -h % SIDE, w + -w % SIDE, channels)[:, :h, :w]
        return let_through(pixels, squeezed) if self.straight_through else squeezed


def table(quality):
    """The steps of an 8 x 8 block's frequencies, integers 1..255, a row a vertical frequency: of libjpeg's
    `jpeg_set_quality`.
    """
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((LUMINANCE * percent + 50) // 100, 1, 255)


def transform():
    """float32 [64, 64]: a block's pixels, row by row, times this are its frequencies times 2**11, row by row. Whole
    numbers.
    """
    order = np.arange(SIDE)
    cosines = np.cos(np.pi * (2 * order[None] + 1) * order[:, None] / (2 * SIDE)) * np.sqrt(2 / SIDE)
    cosines[0] = np.sqrt(1 / SIDE)
    return np.rint(np.kron(cosines, cosines).T * 2**_BITS).astype(np.float32)


def _longer(x, axis, by):
    """With the last row or column (axis 1 or 2) so many times more."""
    last = x[:, -1:] if axis == 1 else x[:, :, -1:]
    return tf.concat([x, *[last] * by], axis) if by else x


def _blocks(x):
    """[B, h, w, C] -> [blocks of every channel, 64]."""
    _, h, w, channels = x.shape
    x = tf.reshape(x, [-1, SIDE, w // SIDE, SIDE, channels])
    return tf.reshape(tf.transpose(x, [0, 2, 4, 1, 3]), [-1, SIDE * SIDE])


def _picture(rows, h, w, channels):
    """The other way."""
    x = tf.reshape(rows, [-1, w // SIDE, channels, SIDE, SIDE])
    return tf.reshape(tf.transpose(x, [0, 3, 1, 4, 2]), [-1, h, w, channels])
