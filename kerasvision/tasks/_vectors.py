"""What every architecture shares that answers with a vector of length 1: embedders, however they were trained."""

import abc
import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.vectors import VectorShowing
from kerasvision.tasks.base import Output
from kerasvision.tasks.image import ImageArchitecture
from kerasvision.tasks.targets import Target, Targets

_TURN = math.pi * (3.0 - math.sqrt(5.0))  # the golden angle, by which no two numbers have one direction


@dataclasses.dataclass(frozen=True, eq=False)
class VectorTarget(Target):
    """How far a raw embedding reaches in the direction that an example's own has. direction: float32 [D], length 1."""

    direction: np.ndarray
    text: str = "its embedding"

    def score(self, found):
        return tf.linalg.matvec(found["embedding"], self.direction)


@dataclasses.dataclass(frozen=True)
class VectorTargets(Targets):
    """The embedding as a whole, the only target there is."""

    flags: typing.ClassVar[dict[str, str]] = {}

    def chosen(self, raw, geometry, classes, asked):
        return [VectorTarget(tf.math.l2_normalize(raw["embedding"], -1)[0].numpy())]


class VectorArchitecture(ImageArchitecture):
    """Abstract. Every prediction is `embedding` float32 [B, D], of length 1: its cosines are dot products. The raw
    `embedding` has any length; `decode` gives it length 1, in float32 in integer files too.
    """

    showing: typing.ClassVar[Showing] = VectorShowing()

    @property
    @abc.abstractmethod
    def vector_size(self):
        """D, how many numbers an embedding has."""

    @property
    def outputs(self):
        return {"embedding": Output("float32", "part of a vector of length 1", (self.vector_size,))}

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

    def direction(self, label, size=None):
        """A vector of length 1 for each class, int [...] -> float32 [..., D]: as an ideal graph gives it. size: D, that
        of the embedding unless given.
        """
        angle = _TURN * tf.cast(label, tf.float32)
        plane = tf.stack([tf.cos(angle), tf.sin(angle)], -1)
        return tf.pad(plane, [[0, 0]] * (plane.shape.rank - 1) + [[0, (size or self.vector_size) - 2]])
