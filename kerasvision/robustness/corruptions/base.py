"""What a corruption is, and all that there are.

The constants of the groups `noise`, `blur`, `weather`, `digital` and `spare` are those of ImageNet-C: "Benchmarking
Neural Network Robustness to Common Corruptions and Perturbations" (Hendrycks, Dietterich 2019, arXiv:1903.12261,
section 4.1). Its images have a shorter side of 224 pixels; what is in pixels there grows and shrinks with the side.
"""

import dataclasses
import importlib
import pkgutil
import typing

import numpy as np
from scipy import ndimage

from kerasvision.core.errors import UsageError, close_matches

SEVERITIES = (1, 2, 3, 4, 5)
PAPER = ("noise", "blur", "weather", "digital")  # the groups of ImageNet-C's fifteen, asked for unless others are
_SIDE = 224  # shorter side of the paper's images
_LISTED = {}


@dataclasses.dataclass(frozen=True)
class Corruption:
    """One way to corrupt an image uint8 [H, W, 3]. Final.

    moves: whether pixels change their place, so that boxes and masks have to go along. wants: what it takes besides the
    image, `other` (a picture to put in front, uint8 [h, w, 3]) or `size` (of the graph, (height, width)); "": nothing.
    severities: that it knows.
    """

    name: str
    group: str
    draw: typing.Callable
    moves: bool = False
    wants: str = ""
    severities: tuple[int, ...] = SEVERITIES

    def __call__(self, image, severity, random, extra=None):
        """The corrupted image, uint8 [H, W, 3]. severity: 1 to 5. random: a numpy Generator. extra: what it `wants`."""
        return self.corrupt(image, severity, random, extra)[0]

    def corrupt(self, image, severity, random, extra=None):
        """(image, places): places float [H', W', 2], for each pixel the (y, x) that it shows, in pixels of the image
        before, centers of pixels at whole numbers; None where every pixel stays in its place.
        """
        given = (image, severity, random) if not self.wants else (image, severity, random, extra)
        found = self.draw(*given)
        return found if self.moves else (found, None)


def corruption(group, moves=False, wants="", severities=SEVERITIES):
    """Decorator of a function (image, severity, random) -> image, or where it `moves` -> (image, places). The rest as
    of `Corruption`.
    """

    def add(function):
        name = function.__name__
        _LISTED[name] = Corruption(name, group, function, moves, wants, severities)
        return function

    return add


def listed():
    """Name -> `Corruption` of all, group by group: those of every file of this folder."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")
    order = [*PAPER, *sorted({held.group for held in _LISTED.values()} - set(PAPER))]
    return dict(sorted(_LISTED.items(), key=lambda row: (order.index(row[1].group), row[0])))


def chosen(words=()):
    """Names of the corruptions that are asked for, in the order of `listed`. words: names, groups or `all`; without any
    the paper's fifteen. Raises UsageError of an unknown one.
    """
    held = listed()
    groups = {c.group: [name for name, other in held.items() if other.group == c.group] for c in held.values()}
    found = set()
    for word in words or PAPER:
        if word != "all" and word not in held and word not in groups:
            raise UsageError(f"no corruption {word!r}; {close_matches(word, [*held, *groups, 'all'])}")
        found.update(held if word == "all" else groups.get(word, [word]))
    return [name for name in held if name in found]


def floats(image):
    """uint8 -> float64 0..1."""
    return image.astype(np.float64) / 255


def to_bytes(values):
    """0..1, cut at both ends -> uint8."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def scale_of(image):
    """How much longer an image's shorter side is than that of the paper's images."""
    return min(image.shape[:2]) / _SIDE


def still_places(shape):
    """The places of an image in which nothing moves, float64 [H, W, 2]."""
    return np.stack(np.meshgrid(*map(np.arange, shape[:2]), indexing="ij"), -1).astype(np.float64)


def sampled(image, places, mode="constant"):
    """An image at places, linear between pixels; beyond its border black, or as scipy's `mode` says."""
    spots = places.transpose(2, 0, 1)
    channels = [ndimage.map_coordinates(c, spots, order=1, mode=mode) for c in image.transpose(2, 0, 1).astype(float)]
    return np.rint(np.clip(np.stack(channels, -1), 0, 255)).astype(np.uint8)
