"""Clients that shrink a picture themselves, before the model sees it, each in its own way; a single severity.

A picture is brought to the least size, of its own shape, that covers the graph's, so that the model's own resampling
has nothing left to do. One that is smaller than the graph is left alone.
"""

import math

import numpy as np
from PIL import Image

from kerasvision.robustness.corruptions.base import corruption, still_places


def _shrunk(image, size, how):
    """(image, places) by a resampling of Pillow, to the least size that covers `size`, (height, width)."""
    times = max(wanted / given for wanted, given in zip(size, image.shape[:2], strict=True))
    if times >= 1:
        return image, still_places(image.shape)
    height, width = (math.ceil(round(side * times, 6)) for side in image.shape[:2])
    found = np.asarray(Image.fromarray(image).resize((width, height), how))
    return found, (still_places(found.shape) + 0.5) * np.array(image.shape[:2]) / (height, width) - 0.5


@corruption("resampling", moves=True, wants="size", severities=(1,))
def shrunk_pillow(image, severity, random, size):
    """By Pillow's bilinear filter, which is as wide as the pixels it makes."""
    return _shrunk(image, size, Image.Resampling.BILINEAR)


@corruption("resampling", moves=True, wants="size", severities=(1,))
def shrunk_nearest(image, severity, random, size):
    """By the nearest pixel."""
    return _shrunk(image, size, Image.Resampling.NEAREST)


@corruption("resampling", moves=True, wants="size", severities=(1,))
def shrunk_area(image, severity, random, size):
    """By the mean over each pixel's area."""
    return _shrunk(image, size, Image.Resampling.BOX)
