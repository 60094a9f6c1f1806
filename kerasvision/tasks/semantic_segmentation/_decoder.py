"""The expanding path that U-Nets share."""

import tf_keras as keras

from kerasvision.necks.base import convolve, enlarge


def strided(levels):
    """A backbone's levels by the logarithm of their stride; `head`, which is for classification, left out."""
    return {int(name[1:]): x for name, x in levels.items() if name.startswith("c")}


def ascend(x, skip, width, name):
    """One step up: x doubled and convolved, joined with the level beside it, two 3x3 convolutions."""
    x = convolve(enlarge(x, skip, name), width, 3, 1, f"{name}_up", "relu")
    x = keras.layers.Concatenate(name=f"{name}_join")([skip, x])
    for number in (1, 2):
        x = convolve(x, width, 3, 1, f"{name}_{number}", "relu")
    return x
