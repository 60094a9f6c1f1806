"""Inputs larger than a graph: windows that overlap, blended by Gaussians about their centers; and mirrored inputs.

"nnU-Net: Self-adapting Framework for U-Net-Based Medical Image Segmentation" (Isensee et al. 2018, arXiv:1809.10486,
section 2.5): windows overlap by half of their size, what is near their center weighs most, and answers for inputs that
are mirrored along every set of axes are averaged.
"""

import itertools

import numpy as np
import tensorflow as tf

SIGMA = 1 / 8  # of the window's side, as in nnU-Net's code


def starts(length, size, overlap):
    """int32 [N]: where windows of `size` begin along an axis of `length` >= size, even distances from end to end.

    Neighbors share `overlap` (0 to less than 1) of their size or more. length: int or int32 scalar.
    """
    step = max(1, int(size * (1.0 - overlap)))
    count = -(-(tf.cast(length, tf.int32) - size) // step) + 1
    last = tf.cast(length - size, tf.float32)
    at = tf.cast(tf.range(count), tf.float32) / tf.cast(tf.maximum(count - 1, 1), tf.float32)
    return tf.cast(tf.round(at * last), tf.int32)


def shares(begin, size, length):
    """float32 [N, size]: what each window counts at each of its positions along one axis.

    Gaussians, over the sum of all windows' at that position: so they add up to 1 everywhere, and a single window has 1.
    The windows of several axes are all combinations, and their shares the products: no sum of weights has to be kept.
    """
    away = (np.arange(size) - (size - 1) / 2) / (SIGMA * size)
    bell = tf.constant(np.exp(-0.5 * away**2), tf.float32)
    places = begin[:, None] + tf.range(size)
    every = tf.tile(bell[None], [tf.shape(begin)[0], 1])
    total = tf.scatter_nd(tf.reshape(places, [-1, 1]), tf.reshape(every, [-1]), tf.reshape(length, [1]))
    return every / tf.gather(total, places)


def blended(predict, inputs, size, overlap, channels):
    """predict: [B, *size, C] -> float32 [B, *size, channels], of any number of axes. inputs: [B, *sides, C], no side
    smaller than the size's -> float32 [B, *sides, channels].

    One window at a time: beside the result, memory holds one window. Pure TensorFlow, for `tf.function`, where the sum
    is written in place.
    """
    sides = tf.shape(inputs)[1:-1]
    begins = [starts(sides[axis], side, overlap) for axis, side in enumerate(size)]
    weights = [shares(b, side, sides[axis]) for axis, (b, side) in enumerate(zip(begins, size, strict=True))]
    counts = tf.stack([tf.shape(b)[0] for b in begins])
    shape = tf.concat([tf.shape(inputs)[:1], sides, [channels]], 0)

    def step(number, total):
        index = tf.unravel_index(number, counts)
        corner = tf.stack([b[index[axis]] for axis, b in enumerate(begins)])
        begin = tf.concat([[0], corner, [0]], 0)
        end = tf.concat([tf.shape(inputs)[:1], corner + size, [tf.shape(inputs)[-1]]], 0)
        ones = tf.ones_like(begin)
        tile = tf.strided_slice(inputs, begin, end, ones)
        tile.set_shape([inputs.shape[0], *size, inputs.shape[-1]])
        found = predict(tile) * _outer([w[index[axis]] for axis, w in enumerate(weights)])
        end = tf.concat([end[:-1], [channels]], 0)
        found += tf.strided_slice(total, begin, end, ones)
        return number + 1, tf.raw_ops.TensorStridedSliceUpdate(
            input=total, begin=begin, end=end, strides=ones, value=found
        )

    held = tf.TensorShape([inputs.shape[0], *inputs.shape[1:-1], channels])
    total = tf.ensure_shape(tf.zeros(shape), held)
    _, total = tf.while_loop(
        lambda number, _: number < tf.reduce_prod(counts), step, (0, total), (tf.TensorShape([]), held), 1
    )
    return total


def _outer(weights):
    """[h], [w], ... -> [1, h, w, ..., 1]."""
    product = weights[0]
    for weight in weights[1:]:
        product = product[..., None] * weight
    return product[None, ..., None]


def mirrors(axes):
    """Every set of these axes, the empty one first."""
    return [held for count in range(len(axes) + 1) for held in itertools.combinations(axes, count)]


def mirrored(predict, axes):
    """The mean of `predict` for its input and for every mirror image of it, mirrored back. axes: of the input that may
    be mirrored, such as (1, 2) for rows and columns of [B, H, W, C].
    """
    every = mirrors(axes)

    def mean(inputs):
        return tf.add_n([tf.reverse(predict(tf.reverse(inputs, held)), held) for held in every]) / len(every)

    return mean if axes else predict
