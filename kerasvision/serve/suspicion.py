"""How rare requested pictures are among held-out ones, by a model's signature `suspect`, for its drift watch."""

import numpy as np
import tensorflow as tf

from kerasvision.export.suspected import HELD_OUT, RANK, RARE, SCORES

_BINS = 10


class Suspicion:
    """Called with one picture, uint8 [1, H, W, 3], it gives name of a score -> its rank, 0..1. function: the signature.

    kept: name -> the histogram of ranks that ordinary pictures have, as a contract's profile has others: ranks among
    held-out pictures are spread evenly.
    """

    def __init__(self, function):
        self._function = function
        examples = int(function(image=tf.zeros([1, 8, 8, 3], tf.uint8))[HELD_OUT][0])
        edges = (np.arange(1, _BINS) / _BINS).tolist()
        self.kept = {name: {"edges": edges, "shares": [1 / _BINS] * _BINS, "examples": examples} for name in SCORES}

    def __call__(self, images):
        found = self._function(image=tf.constant(images))
        return {name: float(found[name + RANK][0]) for name in SCORES}


def rare(ranks):
    """The share of ranks that 1 in 100 ordinary pictures has."""
    return float(np.mean(np.float32(ranks) >= np.float32(RARE)))
