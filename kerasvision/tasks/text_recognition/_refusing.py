"""How sure a line has to be of what it says, so that the least sure ones can be refused; fitted on held-out lines.

Refusing by one number of an answer, and the error of what is left: R. El-Yaniv and Y. Wiener, On the Foundations of
Noise-free Selective Classification, JMLR 11, 2010.
"""

import math

import numpy as np


def certainties(prediction):
    """float64 [B], 0..1: the mean probability (geometric) of a character of each line, 0.0 of one that says nothing.

    prediction: `path_score` [B], of the likeliest path, and `count` [B], characters.
    """
    counts = np.asarray(prediction["count"])
    shares = np.asarray(prediction["path_score"], np.float64) ** (1 / np.maximum(counts, 1))
    return np.where(counts > 0, shares, 0.0)


def least_of(held, share):
    """The lowest of certainties, [N] of one line or more, once the lowest `share` of them, rounded down, is left out:
    at most that many are below it. share: 0 to less than 1.
    """
    left_out = math.floor(share * len(held) + 1e-9)  # 0.29 * 100 is a little less than 29
    return float(np.sort(held)[left_out])
