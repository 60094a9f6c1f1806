"""What detectors of text share that say something of each cell of a map: a pyramid joined to one map, and heads."""

import abc
import dataclasses

import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import necks
from kerasvision.necks.base import Neck, convolve
from kerasvision.tasks.text_detection.task import TextDetection


@dataclasses.dataclass(frozen=True)
class MapDetection(TextDetection):
    """Abstract. neck: a pyramid whose levels are brought to the finest one's size and joined. width: of the
    convolutions after it.
    """

    neck: Neck = dataclasses.field(default_factory=lambda: necks["fpn"](width=64, first=2, last=5))
    width: int = 64

    def __post_init__(self):
        super().__post_init__()
        finest, coarsest = 2**self.neck.first, 2**self.neck.last
        if finest < self.stride or any(side % coarsest for side in self.image_size):
            raise KerasVisionError(
                f"{self.registered_name}: image_size={self.image_size}, stride={self.stride} and the neck's levels "
                f"{self.neck.first} to {self.neck.last}; allowed: multiples of {coarsest}, and a stride of at most "
                f"{finest}"
            )

    @property
    @abc.abstractmethod
    def heads(self):
        """{raw key: how many numbers it has of a cell}."""

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        pyramid = self.neck(self.backbone(image))
        finest, levels = pyramid[f"p{self.neck.first}"], []
        for level, x in pyramid.items():
            x = convolve(x, max(self.width // 4, 4), 3, 1, f"join_{level}", "relu")
            for number in range(int(level[1:]) - self.neck.first):
                x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"join_{level}_up{number}")(x)
            levels.append(x)
        joined = keras.layers.Concatenate(name="joined")(levels)
        if joined.shape[1:3] != finest.shape[1:3]:
            raise KerasVisionError(f"{self.registered_name}: the levels of its pyramid do not double")
        raw = {name: self._head(joined, name, count) for name, count in self.heads.items()}
        return keras.Model({"image": image}, raw, name=self.name)

    def _head(self, x, name, count):
        """A map of `count` numbers a cell, enlarged step by step to its size."""
        x = convolve(x, self.width, 3, 1, f"{name}_0", "relu")
        for number in range(1, 1 + (2**self.neck.first // self.stride).bit_length() - 1):
            x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_{number}_up")(x)
            x = convolve(x, max(self.width // 4, 4), 3, 1, f"{name}_{number}", "relu")
        return keras.layers.Conv2D(count, 3, padding="same", name=name)(x)
