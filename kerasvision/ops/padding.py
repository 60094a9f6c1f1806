"""What a letterbox has put around pictures, told from the pictures alone: columns of its gray up to either border."""

import tensorflow as tf

from kerasvision.ops.geometry import PAD_VALUE


def inside(pixels, stride):
    """float32 [B, W / stride, rounded up]: 1 for frames that have a column between the first and the last one that is
    not of the letterbox's gray from top to bottom, else 0; a picture of gray alone has none.

    pixels: [B, H, W, C] in 0..255. stride: columns of a frame.
    """
    seen = tf.reduce_max(tf.abs(tf.cast(pixels, tf.float32) - float(PAD_VALUE)), [1, 3]) > 0.5
    seen = tf.cast(seen, tf.float32)
    held = tf.minimum(tf.cumsum(seen, 1), tf.cumsum(seen, 1, reverse=True)) > 0.5
    width = pixels.shape[2] if pixels.shape[2] is not None else tf.shape(pixels)[2]
    held = tf.pad(tf.cast(held, tf.float32), [[0, 0], [0, -width % stride]])
    return tf.reduce_max(tf.reshape(held, [-1, (width + stride - 1) // stride, stride]), 2)
