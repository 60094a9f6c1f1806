"""Augmentations are stateless: the same sample and seed give the same result, eagerly and in tf.data."""

import abc
import typing

from kerasvision.core.component import Component


class Augmentation(Component):
    """Abstract. (sample, seed) -> sample, one example at a time."""

    kind = "augmentations"

    @abc.abstractmethod
    def __call__(self, sample, seed):
        """sample: dict with `image` uint8 [H, W, 3] and labels. seed: int32 [2]. Keys it does not know pass through."""


class WindowAugmentation(Augmentation):
    """Abstract. An augmentation that begins by cutting a window, so that only the window need be decoded.

    The pipeline hands the window of the first augmentation to the JPEG decoder. `__call__` cuts the same window.
    """

    @abc.abstractmethod
    def window(self, image_hw, seed):
        """int32 [4]: y, x, height, width inside an image of image_hw int32 [2]."""


class BatchAugmentation(Component):
    """Abstract. (prepared inputs, targets, seed) -> the same, a batch at a time."""

    kind = "augmentations"
    needs: typing.ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def __call__(self, inputs, targets, seed):
        """inputs: dict of [B, ...], `image` uint8; targets: dict of float32 [B, ...]; seed: int32 [2]."""
