"""Jigsaw: the tiles of a picture change places, and the network tells which of some orders they are in.

"Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles" (Noroozi, Favaro 2016, arXiv:1603.09246),
whose features reached 67.6 % mAP in classification of Pascal VOC 2007, fine-tuned. The tiles are put together again as
one picture, as in "Domain Generalization by Solving Jigsaw Puzzles" (Carlucci et al. 2019, arXiv:1903.06864), so that
the graph is that of serving, and not one for each tile.
"""

import dataclasses
import functools
import itertools
import math
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.projector import perceptron
from kerasvision.tasks._vectors import direction
from kerasvision.tasks.self_supervised.task import SelfSupervised


@architectures.register("self_supervised/jigsaw")
@dataclasses.dataclass(frozen=True)
class Jigsaw(SelfSupervised):
    """Raw is `{"embedding": [B, D], "order": [B, orders]}`, logits, made of the last level's means over about a tile
    each. projector: widths of the layers before the logits.

    grid: tiles of a side. orders: how many, as far apart as there are, the first of them that of the picture itself; 2
    to the factorial of the number of tiles. gap: share of a tile's side that is left out at a random end, so that no
    edge tells which tiles were neighbors; 0 to less than 1.
    """

    projector: tuple[int, ...] = (256,)
    grid: typing.Literal[2, 3] = 3
    orders: int = 24
    gap: float = 0.15

    draws_noise: typing.ClassVar[bool] = True
    views: typing.ClassVar[int] = 1
    compares_views: typing.ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        most = math.factorial(self.grid**2)
        if not 2 <= self.orders <= most:
            raise UsageError(f"model.orders={self.orders}; allowed: 2 to {most}, of {self.grid} x {self.grid} tiles")
        if not 0 <= self.gap < 1:
            raise UsageError(f"model.gap={self.gap:g}; allowed: 0 to less than 1 (the paper's is 0.15)")
        if min(self.image_size) // self.grid < 2:
            raise UsageError(
                f"model.image_size={self.image_size}: a tile of {self.grid} x {self.grid} has no two pixels"
            )

    def example(self, sample):
        prepared, targets = super().example(sample)
        places = tf.constant(distant_orders(self.grid**2, self.orders))[targets["order"]]
        seed = tf.random.experimental.stateless_fold_in(sample["seed"], 1)
        picture = shuffled(prepared["image"], self.grid, places, self.gap, seed)
        return {"image": tf.ensure_shape(picture, (*self.image_size, 3))}, targets

    def encode(self, sample):
        """`order`: its number, drawn by the sample's seed; 0, nothing has moved, of a sample without one."""
        order = tf.constant(0)
        if "seed" in sample:
            order = tf.random.stateless_uniform([], sample["seed"], 0, self.orders, tf.int32)
        return super().encode(sample) | {"order": order}

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        last = list(self.backbone(image).values())[-1]
        raw = {"embedding": self.pooled(last), "order": self._order(last)}
        return keras.Model({"image": image}, raw, name=self.name)

    def _order(self, x):
        if min(x.shape[1:3]) < self.grid:
            raise UsageError(
                f"model.image_size={self.image_size}: the backbone's last level has {x.shape[1]} x {x.shape[2]} "
                f"positions, fewer than {self.grid} x {self.grid} tiles; set a larger one, or a smaller grid"
            )
        size = tuple(-(-side // self.grid) for side in x.shape[1:3])
        x = keras.layers.AveragePooling2D(size, size, "same", name="tiles")(x)
        x = keras.layers.Flatten(name="tiles_joined")(x)
        x = perceptron(x, self.projector, "projector", last_norm=True)
        x = keras.layers.ReLU(name="projector_relu")(x)
        return keras.layers.Dense(self.orders, name="order")(x)

    def ideal_raw(self, targets):
        vector = direction(targets["label"], self.vector_size)
        return {"embedding": vector, "order": 20.0 * tf.one_hot(targets["order"], self.orders)}

    def loss(self, targets, raw):
        return {"order": tf.nn.sparse_softmax_cross_entropy_with_logits(targets["order"], raw["order"])}


@functools.cache
def distant_orders(count, number):
    """int32 [number, count]: orders of `count` tiles, the first as they are, each next one with the largest sum of
    Hamming distances to those before (algorithm 1 of the paper); of equal ones the first of the alphabet.
    """
    held = np.array(list(itertools.permutations(range(count))), np.int8)
    chosen, distances = [0], np.zeros(len(held), np.int32)
    while len(chosen) < number:
        distances += (held != held[chosen[-1]]).sum(1, dtype=np.int32)
        distances[chosen[-1]] = -(2**30)  # never again
        chosen.append(int(distances.argmax()))
    return held[chosen].astype(np.int32)


def shuffled(picture, grid, places, gap, seed):
    """uint8 [H, W, C], whose tiles change places: at place k stands tile places[k]. gap: as of `Jigsaw`. seed: int32
    [2], of where in its tile each crop is.
    """
    height, width, channels = picture.shape
    tile = height // grid, width // grid
    crop = tuple(max(1, round(side * (1.0 - gap))) for side in tile)
    room = tf.constant([side - size + 1 for side, size in zip(tile, crop, strict=True)])
    offsets = tf.random.stateless_uniform([grid * grid, 2], seed, dtype=tf.float32)
    offsets = tf.cast(tf.floor(offsets * tf.cast(room, tf.float32)), tf.int32)
    pieces = []
    for number, offset in enumerate(tf.unstack(offsets)):
        corner = offset + tf.constant([tile[0] * (number // grid), tile[1] * (number % grid)])
        pieces.append(tf.slice(picture, tf.pad(corner, [[0, 1]]), [*crop, channels]))
    pieces = tf.image.resize(tf.gather(tf.stack(pieces), places), tile)
    joined = tf.reshape(pieces, [grid, grid, *tile, channels])
    joined = tf.reshape(tf.transpose(joined, [0, 2, 1, 3, 4]), [grid * tile[0], grid * tile[1], channels])
    if joined.shape[:2] != (height, width):
        joined = tf.image.resize(joined, (height, width))
    return tf.saturate_cast(tf.round(joined), tf.uint8)
