"""Rotation: each picture is seen turned by 0, 90, 180 and 270 degrees, and the network tells by how much.

"Unsupervised Representation Learning by Predicting Image Rotations" (Gidaris, Singh, Komodakis 2018, arXiv:1803.07728).
With AlexNet it reached 38.7 % in a linear probe of ImageNet. Pictures that have no up, such as stars, teach nothing.
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.tasks._vectors import direction
from kerasvision.tasks.self_supervised.task import SelfSupervised

TURNS = 4


@architectures.register("self_supervised/rotation")
@dataclasses.dataclass(frozen=True)
class Rotation(SelfSupervised):
    """Raw is `{"embedding": [B, D], "turns": [B, 4]}`, logits. projector is not used. image_size has equal sides."""

    projector: tuple[int, ...] = (4,)

    views: typing.ClassVar[int] = TURNS
    compares_views: typing.ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        if self.image_size[0] != self.image_size[1]:
            raise UsageError(f"model.image_size={self.image_size}: a quarter turn needs equal sides; set (n, n)")

    def heads(self, vector):
        return {"turns": keras.layers.Dense(TURNS, name="turns")(vector)}

    def head_sizes(self):
        return {"turns": TURNS}

    def example(self, sample):
        prepared, targets = super().example(sample)
        turned = tf.image.rot90(prepared["image"], sample["view"])
        return {"image": tf.ensure_shape(turned, (*self.image_size, 3))}, targets

    def encode(self, sample):
        """`turns`: quarter turns, 0 of a sample that is no view."""
        return super().encode(sample) | {"turns": tf.cast(sample.get("view", 0), tf.int32)}

    def ideal_raw(self, targets):
        vector = direction(targets["label"], self.vector_size)
        return {"embedding": vector, "turns": 20.0 * tf.one_hot(targets["turns"], TURNS)}

    def loss(self, targets, raw):
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets["turns"], raw["turns"])
        return {"turns": loss}
