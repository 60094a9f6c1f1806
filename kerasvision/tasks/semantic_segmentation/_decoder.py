"""The expanding path that U-Nets share."""

import tf_keras as keras

from kerasvision.necks.base import convolve, enlarge


def strided(levels):
    """A backbone's levels by the logarithm of their stride; `head`, which is for classification, left out."""
    return {int(name[1:]): x for name, x in levels.items() if name.startswith("c")}


def expand(levels, width, max_width, gate=None):
    """All steps up, from a backbone's coarsest level to its finest.

    width: channels at full size, twice as many a level down, at most max_width. gate: what a skip goes through before
    it is joined, (skip, coarser tensor, width, name) -> skip.
    """
    levels = strided(levels)
    coarsest, *finer = sorted(levels, reverse=True)
    x = levels[coarsest]
    for k in finer:
        wide = min(width * 2**k, max_width)
        skip = gate(levels[k], x, wide, f"gate{k}") if gate else levels[k]
        x = _ascend(x, skip, wide, f"decoder{k}")
    return x


def _ascend(x, skip, width, name):
    """One step up: x doubled and convolved, joined with the level beside it, two 3x3 convolutions."""
    x = convolve(enlarge(x, skip, name), width, 3, 1, f"{name}_up", "relu")
    x = keras.layers.Concatenate(name=f"{name}_join")([skip, x])
    for number in (1, 2):
        x = convolve(x, width, 3, 1, f"{name}_{number}", "relu")
    return x
