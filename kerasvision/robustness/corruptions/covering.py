"""What stands before the scene, or is missing of it: our own constants. Labels stay, also of what is wholly hidden."""

import numpy as np
from PIL import Image

from kerasvision.robustness.corruptions.base import corruption

_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4)  # of the image that is covered
_CELLS = 8  # patches along each side


def _window(image, share, random):
    """Slices of a rectangle of a share of an image, of sides as 1:2 to 2:1, somewhere in it."""
    height, width = image.shape[:2]
    stretch = np.sqrt(random.uniform(0.5, 2))
    tall = int(np.clip(round(np.sqrt(share) * stretch * height), 1, height))
    wide = int(np.clip(round(share * height * width / tall), 1, width))
    top, left = random.integers(0, height - tall + 1), random.integers(0, width - wide + 1)
    return slice(top, top + tall), slice(left, left + wide)


@corruption("covering")
def occlusion(image, severity, random):
    """A gray rectangle on 5 to 40 % of the image (Zeiler, Fergus 2014, arXiv:1311.2901, use a gray square)."""
    found = image.copy()
    found[_window(image, _SHARES[severity - 1], random)] = 128
    return found


@corruption("covering", wants="other")
def objects(image, severity, random, other):
    """A part of another picture, as an ellipse, in a rectangle as of `occlusion`: a real object, where that picture has
    been cut to one.
    """
    rows, columns = _window(image, _SHARES[severity - 1], random)
    found = image.copy()
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    piece = np.asarray(Image.fromarray(other).resize((wide, tall), Image.Resampling.BICUBIC))
    y, x = np.mgrid[:tall, :wide] + 0.5
    inside = (2 * y / tall - 1) ** 2 + (2 * x / wide - 1) ** 2 <= 1
    found[rows, columns][inside] = piece[inside]
    return found


@corruption("covering")
def missing_patches(image, severity, random):
    """10 to 60 % of the cells of a grid of 8 x 8 are black, as where packets are lost."""
    count = round((0.1, 0.2, 0.3, 0.45, 0.6)[severity - 1] * _CELLS**2)
    lost = np.zeros(_CELLS**2, bool)
    lost[random.permutation(_CELLS**2)[:count]] = True
    rows, columns = (np.arange(n) * _CELLS // n for n in image.shape[:2])
    return np.where(lost.reshape(_CELLS, _CELLS)[rows][:, columns][..., None], 0, image).astype(np.uint8)
