"""Augmentations are stateless: the same sample and seed give the same result, eagerly and in tf.data."""

import abc
import dataclasses
import typing

from kerasvision.core.component import Component
from kerasvision.core.errors import UsageError


class Augmentation(Component):
    """Abstract. (sample, seed) -> sample, one example at a time."""

    kind = "augmentations"
    cuts: typing.ClassVar[bool] = False  # whether the result has another size than the sample
    works_on: typing.ClassVar[tuple[str, ...]] = ("image",)  # keys of a sample, any of which it can change

    @abc.abstractmethod
    def __call__(self, sample, seed):
        """sample: dict with `image` uint8 [H, W, 3], or `volume` float32 [D, H, W, C], and labels. seed: int32 [2].

        Keys it does not know pass through.
        """


class VolumeAugmentation(Augmentation):
    """Abstract. An augmentation of volumes."""

    works_on: typing.ClassVar[tuple[str, ...]] = ("volume",)


class WindowAugmentation(Augmentation):
    """Abstract. An augmentation that begins by cutting a window, so that only the window need be decoded.

    The pipeline hands the window of the first augmentation to the JPEG decoder. `__call__` cuts the same window.
    """

    cuts: typing.ClassVar[bool] = True

    @abc.abstractmethod
    def window(self, image_hw, seed):
        """int32 [4]: y, x, height, width inside an image of image_hw int32 [2]."""


class BatchAugmentation(Component):
    """Abstract. (prepared inputs, targets, seed) -> the same, a batch at a time."""

    kind = "augmentations"
    works_on: typing.ClassVar[tuple[str, ...]] = ("image",)
    able: typing.ClassVar[tuple[str, ...]]  # how it can mix targets: values of an architecture's `mixes`

    @abc.abstractmethod
    def __call__(self, inputs, targets, seed, mixes):
        """inputs: dict of [B, ...], `image` uint8; targets: dict of float32 [B, ...]; seed: int32 [2]. mixes: the
        architecture's, key of the targets -> how it is mixed.
        """

    def check(self, arch):
        """Raises where the architecture's targets cannot be mixed in this way. Before training; reads nothing."""
        cannot = [f"{key!r} ({how})" for key, how in arch.mixes.items() if how not in self.able]
        if arch.mixes and not cannot:
            return
        seen = ", ".join(cannot) or "targets of which none can be mixed"
        objects = (
            "; what combines pictures with their objects is combining/*" if "boxes_xyxy" in arch.label_keys else ""
        )
        raise UsageError(
            f"{self.registered_name} mixes {' and '.join(self.able)}, and {arch.registered_name} has {seen}{objects}; "
            "leave it out of augment"
        )


@dataclasses.dataclass(frozen=True)
class Canvas:
    """What a combination is drawn on. size_hw: of the graph. keeps_aspect: pictures are fitted to it, not stretched.
    averages: pixels of sides that shrink by more than two are averaged, as the architecture does it (`antialias`).
    """

    size_hw: tuple[int, int]
    keeps_aspect: bool = True
    averages: bool = False


class Combination(Component):
    """Abstract. Makes one example of several, while they still have their objects: before `encode`.

    The pipeline brings `count` partners for every example: other examples of the same split, drawn by a second stream
    that is shuffled with a seed of its own. A partner has been through the augmentations that stand before this one,
    with seeds of its own, so (flip, mosaic) flips each tile for itself and (mosaic, flip) all as one. Partners are
    decoded only where the example is combined, which happens with `probability`.

    The result is of the graph's size and has the objects of all, in every key of `ops.resample.PER_OBJECT`; other keys
    stay those of the example. So it may hold up to 1 + count times the objects of one picture: more than a source's
    `max_objects`, which bounds pictures, and an architecture that pads to a number of its own needs room for them.
    """

    kind = "augmentations"
    works_on: typing.ClassVar[tuple[str, ...]] = ("image",)
    count: typing.ClassVar[int]
    probability: float

    @abc.abstractmethod
    def __call__(self, sample, partners, seed, canvas):
        """sample: decoded, as for `Augmentation`; partners: list of `count` such. seed: int32 [2]. -> sample."""
