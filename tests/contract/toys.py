"""Architectures for the tests alone, so that the spine is not secretly an image classifier's.

Two images in, text in, a volume in, and one that assigns its targets inside its loss. They use nothing but the
contracts of `tasks/base.py`, and are registered by the product's own decorator while the contract tests run.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.direction import Target
from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.metrics.base import Evaluator, chosen
from kerasvision.metrics.classification import SingleLabel
from kerasvision.ops import geometry as geo
from kerasvision.tasks.base import Architecture, Input, Output


class OneOfSeveral(Architecture):
    """Abstract. Raw is `{"logits": [B, K]}`, whatever goes in."""

    num_classes: int
    label_keys: typing.ClassVar[tuple[str, ...]] = ("label",)
    main_metric: typing.ClassVar[str] = "accuracy"

    @property
    def outputs(self):
        return {"probabilities": Output("float32", "probability", (self.num_classes,))}

    def evaluator(self, classes):
        return SingleLabel(classes)

    def encode(self, sample):
        return {"logits": tf.one_hot(sample["label"], self.num_classes)}

    def loss(self, targets, raw):
        return {"cross_entropy": softmax_cross_entropy(targets["logits"], raw["logits"])}

    def decode(self, raw, geometry):
        return {"probabilities": tf.nn.softmax(raw["logits"])}

    def ideal_raw(self, targets):
        return {"logits": 40.0 * targets["logits"]}

    def compare(self, reference, other):
        a, b = reference["probabilities"], other["probabilities"]
        return np.abs(a - b).max(1), a.argmax(1) != b.argmax(1)


@dataclasses.dataclass(frozen=True)
class Siamese(OneOfSeveral):
    """Two images of any two sizes: do they show the same thing? One set of weights sees both."""

    num_classes: int = 2
    image_size: tuple[int, int] = (16, 16)

    name: typing.ClassVar[str] = "same_or_different"

    def serving_inputs(self):
        return {k: Input(tf.TensorSpec([None, None, None, 3], tf.uint8), "image") for k in ("image_0", "image_1")}

    def prepared_inputs(self):
        return {k: tf.TensorSpec([None, *self.image_size, 3], tf.uint8) for k in ("image_0", "image_1")}

    def geometry(self, inputs):
        return {k: geo.fit_images(inputs[k], self.image_size)[0] for k in ("image_0", "image_1")}, {}

    def normalize(self, prepared):
        return {k: tf.cast(v, tf.float32) / 127.5 - 1.0 for k, v in prepared.items()}

    def build(self):
        images = {k: keras.Input((*self.image_size, 3), name=k) for k in ("image_0", "image_1")}
        first = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu", name="first")
        second = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu", name="second")
        pool = keras.layers.Flatten(name="flat")
        a, b = (pool(second(first(x))) for x in images.values())
        apart = keras.layers.Subtract(name="difference")([a, b])
        squared = keras.layers.Multiply(name="squared")([apart, apart])
        return keras.Model(images, {"logits": keras.layers.Dense(2, name="logits")(squared)}, name=self.name)


@dataclasses.dataclass(frozen=True)
class Text(OneOfSeveral):
    """Characters of a text of any length as int32, padded with 0 or cut to `length`."""

    num_classes: int = 0
    length: int = 24
    characters: int = 128

    name: typing.ClassVar[str] = "text_classification"

    def serving_inputs(self):
        return {"tokens": Input(tf.TensorSpec([None, None], tf.int32), "tokens")}

    def prepared_inputs(self):
        return {"tokens": tf.TensorSpec([None, self.length], tf.int32)}

    def geometry(self, inputs):
        tokens = inputs["tokens"][:, : self.length]
        tokens = tf.pad(tokens, [[0, 0], [0, self.length - tf.shape(tokens)[1]]])
        return {"tokens": tf.ensure_shape(tokens, [None, self.length])}, {}

    def normalize(self, prepared):
        return prepared

    def build(self):
        tokens = keras.Input((self.length,), dtype="int32", name="tokens")
        x = keras.layers.Embedding(self.characters, 8, name="embedding")(tokens)
        x = keras.layers.Conv1D(16, 3, activation="relu", name="trigrams")(x)
        x = keras.layers.GlobalMaxPooling1D(name="pool")(x)
        return keras.Model({"tokens": tokens}, {"logits": keras.layers.Dense(self.num_classes, name="logits")(x)})


@dataclasses.dataclass(frozen=True)
class Volume(OneOfSeveral):
    """A volume of one size, float32 [D, H, W, 1] in 0..16."""

    num_classes: int = 0
    size: tuple[int, int, int] = (4, 8, 8)

    name: typing.ClassVar[str] = "volume_classification"

    def serving_inputs(self):
        return {"volume": Input(tf.TensorSpec([None, *self.size, 1], tf.float32), "volume")}

    def prepared_inputs(self):
        return self.serving_specs()

    def geometry(self, inputs):
        return dict(inputs), {}

    def normalize(self, prepared):
        return {"volume": prepared["volume"] / 8.0 - 1.0}

    def build(self):
        volume = keras.Input((*self.size, 1), name="volume")
        x = keras.layers.Conv3D(8, 3, padding="same", activation="relu", name="first")(volume)
        x = keras.layers.Conv3D(8, 3, strides=2, padding="same", activation="relu", name="second")(x)
        x = keras.layers.Flatten(name="flat")(x)
        return keras.Model({"volume": volume}, {"logits": keras.layers.Dense(self.num_classes, name="logits")(x)})


MOST = 3  # points in an image


@dataclasses.dataclass(frozen=True)
class Points(Architecture):
    """Bright points in a photograph: a score and an offset for each cell of 4 pixels.

    The loss itself assigns points to cells, by the distance that the graph predicts at that moment, so the targets are
    padded ground truth and not shaped like raw.
    """

    image_size: tuple[int, int] = (16, 16)

    name: typing.ClassVar[str] = "points"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("points_xy",)
    main_metric: typing.ClassVar[str] = "recall"

    @property
    def outputs(self):
        return {
            "points_xy": Output("float32", "pixel", (MOST, 2)),
            "scores": Output("float32", "probability", (MOST,)),
            "count": Output("int32", "points with a score of at least 0.5"),
        }

    def evaluator(self, classes):
        return FoundPoints()

    def serving_inputs(self):
        return {"image": Input(tf.TensorSpec([None, None, None, 3], tf.uint8), "image")}

    def prepared_inputs(self):
        return {"image": tf.TensorSpec([None, *self.image_size, 3], tf.uint8)}

    def geometry(self, inputs):
        image, geometry = geo.fit_images(inputs["image"], self.image_size, "letterbox")
        return {"image": image}, geometry

    def no_geometry(self, prepared):
        return geo.identity(tf.tile([list(self.image_size)], [tf.shape(prepared["image"])[0], 1]))

    def move_labels(self, sample, prepared, geometry):
        points_xy = sample["points_xy"] * geometry["scale_xy"] + geometry["offset_xy"]
        return sample | prepared | {"points_xy": points_xy}

    def normalize(self, prepared):
        return {"image": tf.cast(prepared["image"], tf.float32) / 127.5 - 1.0}

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        x = keras.layers.Conv2D(16, 3, 2, padding="same", activation="relu", name="first")(image)
        x = keras.layers.Conv2D(32, 3, 2, padding="same", activation="relu", name="second")(x)
        x = keras.layers.Conv2D(32, 3, padding="same", activation="relu", name="third")(x)
        cells = len(self._centers())
        scores = keras.layers.Conv2D(1, 1, name="score")(x)
        offsets = keras.layers.Conv2D(2, 1, name="offset")(x)
        raw = {
            "scores": keras.layers.Reshape((cells,), name="scores")(scores),
            "offsets": keras.layers.Reshape((cells, 2), name="offsets")(offsets),
        }
        return keras.Model({"image": image}, raw, name=self.name)

    def _centers(self):
        """xy of the cells, float32 [A, 2], in graph pixels."""
        h, w = (np.arange(2.0, side, 4.0, dtype=np.float32) for side in self.image_size)
        return np.stack(np.meshgrid(w, h), -1).reshape(-1, 2)

    def encode(self, sample):
        points = sample["points_xy"][:MOST]
        missing = MOST - tf.shape(points)[0]
        valid = tf.pad(tf.ones([tf.shape(points)[0]]), [[0, missing]])
        points = tf.pad(points, [[0, missing], [0, 0]])
        return {"points_xy": tf.ensure_shape(points, [MOST, 2]), "valid": tf.ensure_shape(valid, [MOST])}

    def _assigned(self, targets, points_xy):
        """int32 [B, N] nearest cell of every point, and [B, A] where one is. points_xy: predictions [B, A, 2]."""
        apart = tf.norm(targets["points_xy"][:, :, None] - points_xy[:, None], axis=-1)  # [B, N, A]
        nearest = tf.argmin(apart, -1, output_type=tf.int32)
        hot = tf.one_hot(nearest, len(self._centers())) * targets["valid"][..., None]
        return nearest, tf.reduce_max(hot, 1)

    def loss(self, targets, raw):
        points_xy = self._centers() + raw["offsets"]
        nearest, taken = self._assigned(targets, tf.stop_gradient(points_xy))
        found = tf.gather(points_xy, nearest, batch_dims=1)
        distance = tf.reduce_sum(tf.abs(found - targets["points_xy"]), -1) * targets["valid"]
        scores = tf.nn.sigmoid_cross_entropy_with_logits(taken, raw["scores"])
        return {"score": tf.reduce_mean(scores, -1), "distance": tf.reduce_mean(distance, -1)}

    def decode(self, raw, geometry):
        scores, best = tf.math.top_k(tf.sigmoid(raw["scores"]), MOST)
        points_xy = tf.gather(self._centers() + raw["offsets"], best, batch_dims=1)
        points_xy = (points_xy - geometry["offset_xy"][:, None]) / geometry["scale_xy"][:, None]
        count = tf.reduce_sum(tf.cast(scores >= 0.5, tf.int32), -1)
        return {"points_xy": points_xy, "scores": scores, "count": count}

    def to_original_pixels(self, prediction, geometry):
        points_xy = (prediction["points_xy"] - geometry["offset_xy"][:, None]) / geometry["scale_xy"][:, None]
        return prediction | {"points_xy": points_xy}

    def ideal_raw(self, targets):
        centers = tf.tile(self._centers()[None], [tf.shape(targets["valid"])[0], 1, 1])
        nearest, taken = self._assigned(targets, centers)
        hot = tf.one_hot(nearest, len(self._centers())) * targets["valid"][..., None]  # [B, N, A]
        offsets = tf.einsum("bna,bnd->bad", hot, targets["points_xy"]) - centers * taken[..., None]
        return {"scores": 40.0 * taken - 20.0, "offsets": offsets}

    def compare(self, reference, other):
        error = np.abs(reference["scores"] - other["scores"]).max(1)
        return error, reference["count"] != other["count"]


class FoundPoints(Evaluator):
    """The part of the true points with a predicted one, of score 0.5 or more, within 1e-3 pixels; and none too many."""

    def __init__(self):
        self._rows = []  # of each example: points found, true, given

    @property
    def directions(self):
        return {"recall": "max", "surplus": Target(0.0)}

    def update(self, prediction, ground_truth):
        for points, count, true in zip(
            prediction["points_xy"], prediction["count"], ground_truth["points_xy"], strict=True
        ):
            apart = np.linalg.norm(true[:, None] - points[None, :count], axis=-1)
            found = int((apart < 1e-3).any(1).sum()) if count else 0
            self._rows.append((found, len(true), int(count)))

    def figures(self, examples=None):
        found, true, given = chosen([self._rows], examples).sum(0)
        return {"recall": lambda: found / true, "surplus": lambda: float(given - true)}


TOYS = {"toys/siamese": Siamese, "toys/text": Text, "toys/volume": Volume, "toys/points": Points}
