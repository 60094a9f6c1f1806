"""What each pixel may be, so that no more than a promised share of an image is missed, as a part of the file.

A class may be at a pixel where its probability is high enough; the threshold is fitted by conformal risk control
("Conformal Risk Control", Angelopoulos et al. 2022, arXiv:2208.02814, sections 1.1 and 3.1, which bounds the share of a
tumor's pixels that is missed).
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import plain
from kerasvision.core.errors import KerasVisionError
from kerasvision.ops import conformal
from kerasvision.ops.dense import IGNORE
from kerasvision.tasks._promise import Promise

PROBABILITIES = "pixel_probabilities"  # key of a prediction
LEVELS = conformal.PROBABILITIES

Of = typing.Literal["foreground", "image", "each_class"]
_IN_WORDS = {"foreground": "an image's foreground", "image": "an image", "each_class": "each class of an image"}


@plain("pixel_sets")
@dataclasses.dataclass(frozen=True)
class PixelSets(Promise):
    """coverage: the promised share of an image's pixels, on average over images, whose class is among those that may be
    there; 0: there are no sets. of: which pixels, all but those of class 0, all, or those of each class alone, with a
    threshold a class. An image without such a pixel does not count. thresholds: the least probability at which a class
    may be there, one, or one a class; empty until they are fitted, on `examples` images that count (of the class that
    has fewest). probabilities: whether predictions also have those of every class at each pixel, [..., K], which
    thresholds are fitted on.
    """

    field: typing.ClassVar[str] = "pixel_sets"
    example: typing.ClassVar[str] = "0.95"
    why_not_1: typing.ClassVar[str] = "only where every class may be everywhere, the promise is 1"
    nothing: typing.ClassVar[str] = "no sets"
    counted: typing.ClassVar[str] = "images"

    of: Of = "foreground"
    thresholds: tuple[float, ...] = ()
    examples: int = 0
    probabilities: bool = False

    @property
    def fitted_to(self):
        return self.thresholds

    def asking(self):
        """These, as predictions are made that thresholds are fitted on."""
        return dataclasses.replace(self, thresholds=(), examples=0, probabilities=True) if self.coverage else self

    def least(self, classes):
        """float32 [K], the least probability at which each class may be there."""
        return np.broadcast_to(np.float32(self.thresholds), (classes,))

    def members(self, probabilities):
        """[..., K] -> uint8 [..., K], 1 where the class may be. TensorFlow."""
        return tf.cast(probabilities >= tf.constant(self.least(probabilities.shape[-1])), tf.uint8)

    def missed(self, probabilities, mask):
        """Of one image, what each threshold would miss: float32 [G, L], the share of the pixels of each of G groups,
        NaN of a group without a pixel. probabilities: [..., K]; mask: uint8 [...].
        """
        flat, own = np.reshape(probabilities, (-1, np.shape(probabilities)[-1])), np.ravel(mask)
        counted = own != IGNORE
        right = flat[np.flatnonzero(counted), own[counted]]
        # of how many levels the probability is high enough
        reached = np.searchsorted(LEVELS, np.float32(right), side="right")
        return np.stack([_shares(reached[of]) for of in self._groups(own[counted], flat.shape[1])])

    def _groups(self, labels, classes):
        """Which pixels each promise is for, bool [N] each."""
        if self.of == "each_class":
            return [labels == k for k in range(classes)]
        return [labels > 0 if self.of == "foreground" else labels >= 0]

    def fitted(self, missed):
        """With thresholds for these images. missed: [N, G, L]. Raises KerasVisionError where too few images have a
        group.
        """
        missed, least = np.asarray(missed), self.least_examples()
        held = ~np.isnan(missed[:, :, 0])
        if held.sum(0).min() < least:
            short = int(held.sum(0).argmin())
            any_of = {"foreground": "any foreground", "image": "any annotated pixel", "each_class": f"class {short}"}
            raise KerasVisionError(
                f"pixel_sets.coverage={self.coverage:g} needs {least} held-out images with {any_of[self.of]}, and "
                f"there are {held.sum(0).min()}; hold more out, or promise less"
            )
        found = []
        for group in range(missed.shape[1]):
            risk = missed[held[:, group], group].mean(0, dtype=np.float64)[::-1]  # lower thresholds are more cautious
            at = conformal.controlled(risk, held[:, group].sum(), 1 - self.coverage)
            found.append(float(LEVELS[::-1][at]))
        return dataclasses.replace(self, thresholds=tuple(found), examples=int(held.sum(0).min()))

    def covered(self, missed):
        """The share of an image's pixels whose class is among those that may be there: the mean over images, of each
        class the least. missed: [N, G, L].
        """
        at = np.searchsorted(LEVELS, np.float32(self.thresholds))
        return float(1 - max(np.nanmean(missed[:, group, level]) for group, level in enumerate(at)))

    def promise(self):
        """What is promised, JSON; {} where nothing is."""
        if not self.is_fitted:
            return {}
        held = {"kind": "pixel_set", "coverage": self.coverage, "of": _IN_WORDS[self.of]}
        return held | {"thresholds": list(self.thresholds), "examples": self.examples}


def _shares(reached):
    """float32 [L], the share of pixels that do not reach each level; NaN without any."""
    if not len(reached):
        return np.full(len(LEVELS), np.nan, np.float32)
    counts = np.bincount(reached, minlength=len(LEVELS) + 1)
    return (np.cumsum(counts)[: len(LEVELS)] / len(reached)).astype(np.float32)
