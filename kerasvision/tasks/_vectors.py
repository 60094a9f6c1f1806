"""What architectures share whose graph gives a vector for a picture: embedders, and classifiers by near vectors."""

import dataclasses
import math
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import backbones
from kerasvision.layers.pooling import pool
from kerasvision.tasks.image import ImageArchitecture, Resample, Resize

_TURN = math.pi * (3.0 - math.sqrt(5.0))  # the golden angle, by which no two numbers have one direction


@dataclasses.dataclass(frozen=True)
class Vectors(ImageArchitecture):
    """Abstract. dimension: of the vector. backbone, image_size (h, w), resize, resample, crop_fraction, antialias: as
    of a classifier. pooling: over the last level's positions; dropout: of what it gives.
    """

    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    dimension: int = 128
    pooling: typing.Literal["average", "max", "gem"] = "average"
    dropout: float = 0.0
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)

    label_keys: typing.ClassVar[tuple[str, ...]] = ("label",)
    may_be_pooled: typing.ClassVar[bool] = False  # whether dimension=0 means what is pooled, without a layer behind it

    def __post_init__(self):
        super().__post_init__()
        if self.dimension < 2 and not (self.may_be_pooled and self.dimension == 0):
            allowed = "2 or more, or 0: what the backbone has" if self.may_be_pooled else "2 or more"
            raise UsageError(f"model.dimension={self.dimension}; allowed: {allowed}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout={self.dropout:g}; allowed: 0 to less than 1")

    def vector(self, image):
        """Keras image [B, h, w, 3] -> the raw embedding [B, dimension]."""
        x = pool(list(self.backbone(image).values())[-1], self.pooling, name="pool")
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        return keras.layers.Dense(self.dimension, name="embedding")(x) if self.dimension else x

    def embedding(self, graph):
        """The raw embedding, before it gets length 1."""
        return graph.output["embedding"]

    def direction(self, label):
        """A vector of length 1 for each class, int [...] -> float32 [..., dimension]: as an ideal graph gives it. What
        is pooled has any dimension, so that two numbers stand for it.
        """
        return direction(label, self.dimension)


def direction(label, size):
    """A vector of length 1 for each number, int [...] -> float32 [..., max(2, size)], another one for each."""
    angle = _TURN * tf.cast(label, tf.float32)
    plane = tf.stack([tf.cos(angle), tf.sin(angle)], -1)
    return tf.pad(plane, [[0, 0]] * (plane.shape.rank - 1) + [[0, max(0, size - 2)]])
