"""What every architecture shares that answers with a vector of length 1: embedders, however they were trained."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.vectors import VectorShowing
from kerasvision.edge import describing
from kerasvision.ops.cutting import cut_boxes
from kerasvision.tasks.image import ImageArchitecture
from kerasvision.tasks.targets import Target, Targets


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
    """The embedding as a whole, or its likeness to another one. Of a file that shows its answer alone, the embedding
    has length 1, so that the whole is its cosine with the example's own.
    """

    answered: typing.ClassVar[tuple[str, ...]] = ("embedding",)
    flags: typing.ClassVar[dict[str, str]] = {
        "like": "the cosine with another input (default: the embedding as a whole)"
    }

    def chosen(self, raw, geometry, classes, asked):
        if asked.like is not None:
            other = tf.math.l2_normalize(asked.like["embedding"], -1)[0].numpy()
            target = NeighborTarget(other)
            return [NeighborTarget(other, f"likeness {float(target.score(raw)[0]):.3f}")]
        return [VectorTarget(tf.math.l2_normalize(raw["embedding"], -1)[0].numpy())]


class UnitVectors(ImageArchitecture):
    """Abstract. Every prediction is `embedding` float32 [B, D], of length 1: its cosines are dot products. The raw
    `embedding` has any length; `decode` gives it length 1, in float32 in integer files too.
    """

    showing: typing.ClassVar[Showing] = VectorShowing()

    def answering(self, graph):
        return keras.Model(graph.input, {"embedding": graph.output["embedding"]}, name=self.name)

    def cut(self, image, boxes_xyxy):
        """Prepared inputs, [B * N, ...], of what is in N boxes of each picture, in a graph: [B, H, W, 3] of 0..255 and
        float32 [B, N, 4], pixels. As `geometry` fits a picture of its own, but for rounding and averaging
        (`ops.cutting.cut_boxes`).
        """
        parts = cut_boxes(image, boxes_xyxy, self.image_size, self.resize, self.crop_fraction)
        return {"image": tf.reshape(parts, [-1, *parts.shape[2:]])}

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
        return describing.vector(prediction)
