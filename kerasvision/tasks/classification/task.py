"""The contract of image classification: a backbone, and a head that makes logits of its last level."""

import abc
import dataclasses
import typing

import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import backbones
from kerasvision.layers.pooling import pool
from kerasvision.tasks._classes import Classes
from kerasvision.tasks.image import ImageArchitecture, Resample, Resize


@dataclasses.dataclass(frozen=True)
class Classification(Classes, ImageArchitecture):
    """Abstract. Raw is `{"logits": ...}`; every prediction has `probabilities` float32 [B, K].

    num_classes: 0 takes the number from the data. image_size: (h, w) in pixels, what the graph sees.
    pooling: over the last level's positions. label_smoothing: 0..1 (Szegedy et al. 2016, arXiv:1512.00567).
    resize, resample, crop_fraction, antialias: how an image of any size gets to `image_size`, in training and in every
    export.
    """

    num_classes: int = 0
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)
    pooling: typing.Literal["average", "max", "gem", "spatial_pyramid"] = "average"
    dropout: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout={self.dropout:g}; allowed: 0 to less than 1")

    def build(self):
        self.require_classes()
        image = keras.Input((*self.image_size, 3), name="image")
        levels = self.backbone(image)
        logits = self.head(list(levels.values())[-1])
        return keras.Model({"image": image}, {"logits": logits}, name=self.name)

    @abc.abstractmethod
    def head(self, x):
        """The last level [B, h, w, C] -> logits."""

    def pooled(self, x):
        """[B, h, w, C] -> [B, C'], with dropout."""
        return self.dropped(pool(x, self.pooling, name="pool"))

    def dropped(self, x):
        """With dropout, if there is any."""
        return keras.layers.Dropout(self.dropout, name="dropout")(x) if self.dropout else x
