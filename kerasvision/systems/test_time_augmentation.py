"""A classifier that is asked about mirrored and shifted copies of a picture too.

"ImageNet Classification with Deep Convolutional Neural Networks" (Krizhevsky, Sutskever, Hinton 2012, section 4.1); for
uncertainty "Test-time augmentation" as in Ayhan, Berens 2018 (MIDL) and Ashukha et al. 2020 (arXiv:2002.06470).
"""

import dataclasses
import itertools

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import systems
from kerasvision.systems.repeated import Repeated


@systems.register("test_time_augmentation")
@dataclasses.dataclass(frozen=True)
class TestTimeAugmentation(Repeated):
    """flips: axes of the picture (0 rows, 1 columns) along which it is mirrored, alone and together. shift_px: also
    moved by so many pixels up, down, left and right, its border repeated; 0: not at all. Nothing is drawn: the same
    picture is answered alike. A run is asked, or a file as it ships.
    """

    flips: tuple[int, ...] = (1,)
    shift_px: int = 1

    def __post_init__(self):
        super().__post_init__()
        if len(set(self.flips)) < len(self.flips) or not set(self.flips) <= {0, 1}:
            raise UsageError(f"test_time_augmentation.flips={self.flips}; allowed: 0 (rows) and 1 (columns), each once")
        if self.shift_px < 0 or not (self.flips or self.shift_px):
            raise UsageError(
                f"test_time_augmentation.shift_px={self.shift_px}, flips={self.flips}; allowed: 0 or more, and one of "
                "both, else there is one copy alone"
            )

    def asked(self, model, image, step):
        return model({"image": self.copies(image)})["probabilities"]

    def copies(self, image):
        """uint8 [N, h, w, 3], the picture itself first. image: uint8 [h, w, 3]."""
        axes = [held for count in range(len(self.flips) + 1) for held in itertools.combinations(self.flips, count)]
        far = self.shift_px
        moves = [(0, 0), *(((0, far), (0, -far), (far, 0), (-far, 0)) if far else ())]
        return np.stack([moved(np.flip(image, held), *move) for held in axes for move in moves])


def moved(image, down, right):
    """An image [h, w, C] shifted by so many pixels, its border repeated."""
    rows, columns = (np.clip(np.arange(n) - by, 0, n - 1) for n, by in zip(image.shape, (down, right), strict=False))
    return image[rows][:, columns]
