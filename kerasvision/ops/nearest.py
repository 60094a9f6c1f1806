"""The nearest of many vectors, exactly, in numpy."""

import numpy as np


def largest(cosines, count):
    """float32 [B, N] -> int [B, count]: where the largest of each row stand, the largest first, equal ones in their
    order. count: 0 to N.

    One integer a number holds both, for the bits of floats of one sign sort as the floats do: partitioning rows of
    100,000 takes a tenth of what sorting them does.
    """
    bits = (cosines + np.float32(0)).view(np.int32).astype(np.int64)  # no zero of another sign
    bits = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    size = cosines.shape[1]
    keys = (bits << 32) + (size - np.arange(size))
    if not count:
        return np.zeros((len(keys), 0), np.int64)
    held = np.partition(keys, size - count)[:, size - count :]
    return size - (-np.sort(-held, 1) & 0xFFFFFFFF)
