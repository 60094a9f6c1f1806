"""Histograms of oriented gradients: which way the edges of each part of a picture run.

"Histograms of Oriented Gradients for Human Detection" (Dalal, Triggs 2005, doi:10.1109/CVPR.2005.177).
"""

import math

import tensorflow as tf

BINS = 9  # of half a turn
_LEAST = 1e-5  # scikit-image's


def oriented_gradients(picture, cell):
    """float32 [H, W, C] in 0..1 -> [H / cell, W / cell, 9 C]: of each channel of each cell the mean size of gradients
    in nine directions, over the root of its squared length.

    Gradients are central differences, 0 at the picture's border; each falls in one bin of 20 degrees, whatever its
    sign. As `skimage.feature.hog` of one channel, with one cell a block and `block_norm="L2"`. cell: pixels of a side,
    which divides H and W.
    """
    down = tf.pad(picture[2:] - picture[:-2], [[1, 1], [0, 0], [0, 0]])
    right = tf.pad(picture[:, 2:] - picture[:, :-2], [[0, 0], [1, 1], [0, 0]])
    size = tf.sqrt(tf.square(down) + tf.square(right))
    angle = tf.math.floormod(tf.atan2(down, right), math.pi)
    bins = tf.minimum(tf.cast(angle * (BINS / math.pi), tf.int32), BINS - 1)
    votes = tf.one_hot(bins, BINS) * size[..., None]  # [H, W, C, 9]
    height, width, channels = picture.shape
    cells = tf.reshape(votes, [height // cell, cell, width // cell, cell, channels, BINS])
    means = tf.reduce_mean(cells, (1, 3))
    lengths = tf.sqrt(tf.reduce_sum(tf.square(means), -1, keepdims=True) + _LEAST**2)
    return tf.reshape(means / lengths, [height // cell, width // cell, channels * BINS])
