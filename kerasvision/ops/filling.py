"""What stands in for pixels that are missing. Pure TensorFlow of static sizes, so that every export has it inside.

pixels: float32 [B, h, w, C]; present: float32 [B, h, w, 1], 1 where a pixel is known, else 0. What pixels hold where
none is known does not count. An image of which nothing is known becomes 0.
"""

import math
import typing

import tensorflow as tf

Filling = typing.Literal["zero", "mean", "nearest", "inpaint"]


def fill(pixels, present, how: Filling):
    """The pixels, those that are missing replaced."""
    known = tf.where(present > 0, pixels, 0.0)
    return known + (1.0 - present) * _FILLINGS[how](known, present) if how != "zero" else known


def mean(known, present):
    """[B, 1, 1, C]: the mean of an image's known pixels, each channel by itself."""
    return tf.math.divide_no_nan(tf.reduce_sum(known, (1, 2), True), tf.reduce_sum(present, (1, 2), True))


def nearest(known, present):
    """Each pixel's nearest known one, by jump flooding: Rong and Tan 2006, doi:10.1145/1111411.1111431.

    Like theirs it is exact but for few pixels, where a neighbor of the nearest one is taken.
    """
    h, w = known.shape[1:3]
    rows, columns = tf.meshgrid(tf.range(h, dtype=tf.float32), tf.range(w, dtype=tf.float32), indexing="ij")
    place = tf.stack([rows, columns], -1)[None]
    far = 4.0 * (h + w)
    # the place and the color of the nearest known pixel found so far; far outside as long as there is none
    held = tf.concat([tf.where(present > 0, place, -far), known], -1)
    steps = [2**k for k in reversed(range(max(1, math.ceil(math.log2(max(h, w))))))]
    for step in [1, *steps]:
        for offset in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
            other = _moved(held, [step * o for o in offset], far)
            held = tf.where(_apart(other, place) < _apart(held, place), other, held)
    return tf.where(held[..., :1] >= 0, held[..., 2:], 0.0)


def _apart(held, place):
    """[B, h, w, 1]: squared distance between each pixel and the one it holds."""
    return tf.reduce_sum(tf.math.squared_difference(held[..., :2], place), -1, keepdims=True)


def _moved(held, offset, far):
    """`held` of the pixels at an offset (rows, columns); far outside where there is none."""
    h, w = held.shape[1:3]
    pads = [(max(0, -o), max(0, o)) for o in offset]
    padded = tf.pad(held, [(0, 0), *pads, (0, 0)], constant_values=-far)
    y, x = (max(0, o) for o in offset)
    return padded[:, y : y + h, x : x + w]


def inpaint(known, present):
    """A smooth continuation: the pull-push of Gortler, Grzeszczuk, Szeliski and Cohen 1996, "The Lumigraph", section
    3.4, doi:10.1145/237170.237200.

    Pull: means of known pixels at half the size, again and again, whose weight is how many were known, at most 1. Push:
    what is not wholly known takes the rest from the coarser level, enlarged.
    """
    h, w = known.shape[1:3]
    if h == 1 and w == 1:
        return known
    kernel = [2 if side > 1 else 1 for side in (h, w)]

    def halved(x):
        pads = [(0, 0), *((0, side % 2 if k == 2 else 0) for side, k in zip((h, w), kernel, strict=True)), (0, 0)]
        return tf.nn.avg_pool2d(tf.pad(x, pads), kernel, kernel, "VALID") * float(kernel[0] * kernel[1])

    weight = halved(present)
    coarse = tf.math.divide_no_nan(halved(known), weight)
    share = tf.minimum(weight, 1.0)
    whole = share * coarse + (1.0 - share) * inpaint(share * coarse, share)
    return present * known + (1.0 - present) * tf.image.resize(whole, [h, w])


_FILLINGS = {"mean": mean, "nearest": nearest, "inpaint": inpaint}
