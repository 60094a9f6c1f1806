"""The contract of embedding: a picture in, a vector of length 1 out; pictures of one class have vectors that are near.

It is judged as a search: the classes of a picture's nearest neighbors in a gallery (`metrics.retrieval`). The raw
`embedding` has any length. `decode` gives it length 1, in float32 in integer files too, whose eight bits are then of
the range of its numbers.
"""

import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import backbones
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.vectors import VectorShowing
from kerasvision.layers.pooling import pool
from kerasvision.metrics.retrieval import Retrieval
from kerasvision.tasks.base import Output
from kerasvision.tasks.image import ImageArchitecture, Resample, Resize
from kerasvision.tasks.targets import Target, Targets

_TURN = math.pi * (3.0 - math.sqrt(5.0))  # the golden angle, by which no two numbers have one direction


@dataclasses.dataclass(frozen=True, eq=False)
class VectorTarget(Target):
    """How far a raw embedding reaches in the direction that an example's own has. direction: float32 [D], length 1."""

    direction: np.ndarray
    text: str = "its embedding"

    def score(self, found):
        return tf.linalg.matvec(found["embedding"], self.direction)


@dataclasses.dataclass(frozen=True, eq=False)
class NeighborTarget(Target):
    """How like an embedding is to another example's: their cosine, -1..1. other: float32 [D], of length 1."""

    other: np.ndarray
    text: str = "how like it is"

    def score(self, found):
        return tf.linalg.matvec(tf.math.l2_normalize(found["embedding"], -1), self.other)


@dataclasses.dataclass(frozen=True)
class VectorTargets(Targets):
    """The embedding as a whole, or its likeness to another one."""

    flags: typing.ClassVar[dict[str, str]] = {
        "like": "the cosine with another input (default: the embedding as a whole)"
    }

    def chosen(self, raw, geometry, classes, asked):
        if asked.like is not None:
            other = tf.math.l2_normalize(asked.like["embedding"], -1)[0].numpy()
            target = NeighborTarget(other)
            return [NeighborTarget(other, f"likeness {float(target.score(raw)[0]):.3f}")]
        return [VectorTarget(tf.math.l2_normalize(raw["embedding"], -1)[0].numpy())]


@dataclasses.dataclass(frozen=True)
class Embedding(ImageArchitecture):
    """Abstract. Every prediction is `embedding` float32 [B, dimension], of length 1: its cosines are dot products.

    dimension: of the vector. backbone, image_size (h, w), resize, resample, crop_fraction, antialias: as of a
    classifier. pooling: over the last level's positions; dropout: of what it gives. gallery: the split that is searched
    when the model is judged, such as "train"; "" searches the judged split itself, each picture among all others.
    """

    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    dimension: int = 128
    pooling: typing.Literal["average", "max", "gem"] = "average"
    dropout: float = 0.0
    gallery: str = ""
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)

    name: typing.ClassVar[str] = "embedding"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("label",)
    main_metric: typing.ClassVar[str] = "recall@1"
    showing: typing.ClassVar[Showing] = VectorShowing()
    after_training: typing.ClassVar[tuple[str, ...]] = ("gallery",)

    def __post_init__(self):
        super().__post_init__()
        if self.dimension < 2:
            raise UsageError(f"model.dimension={self.dimension}; allowed: 2 or more")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout={self.dropout:g}; allowed: 0 to less than 1")

    @property
    def outputs(self):
        return {"embedding": Output("float32", "part of a vector of length 1", (self.dimension,))}

    def evaluator(self, classes):
        return Retrieval(self.gallery)

    def vector(self, image):
        """Keras image [B, h, w, 3] -> the raw embedding [B, dimension]."""
        x = pool(list(self.backbone(image).values())[-1], self.pooling, name="pool")
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        return keras.layers.Dense(self.dimension, name="embedding")(x)

    def answering(self, graph):
        return keras.Model(graph.input, {"embedding": graph.output["embedding"]}, name=self.name)

    def embedding(self, graph):
        """The raw embedding, before it gets length 1."""
        return graph.output["embedding"]

    def targets(self):
        return VectorTargets()

    def decode(self, raw, geometry):
        return {"embedding": tf.math.l2_normalize(raw["embedding"], -1)}

    def compare(self, reference, other):
        """The distance of both vectors, which is nearly their angle in radians. What is decided by a vector depends on
        a gallery, which `metrics.retrieval` has; two vectors alone have no decision that could differ.
        """
        apart = np.linalg.norm(reference["embedding"] - other["embedding"], axis=-1)
        return apart, np.zeros(len(apart), bool)

    def describe(self, prediction, classes):
        return {"embedding": [float(f"{v:.7g}") for v in prediction["embedding"]]}

    def direction(self, label):
        """A vector of length 1 for each class, int [...] -> float32 [..., dimension]: as an ideal graph gives it."""
        angle = _TURN * tf.cast(label, tf.float32)
        plane = tf.stack([tf.cos(angle), tf.sin(angle)], -1)
        return tf.pad(plane, [[0, 0]] * (plane.shape.rank - 1) + [[0, self.dimension - 2]])
