"""Stochastic depth (Huang, Sun, Liu, Sedra, Weinberger 2016, arXiv:1603.09382)."""

import tf_keras as keras


def drop_path(branch, rate, name):
    """A residual branch [B, H, W, C] that is left out of an example with probability `rate` while training.

    What stays is divided by 1 - rate, so that nothing changes for prediction (the paper, equation 5, multiplies by the
    survival probability there instead). rate 0 adds no layer.
    """
    return keras.layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=name)(branch) if rate else branch


def linear_rates(largest, blocks):
    """The rate of each block: equation 4, from 0 before the first to `largest` at the last one."""
    return [largest * (number + 1) / blocks for number in range(blocks)]
