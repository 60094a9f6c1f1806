"""DenseCL: positions of one view find their counterparts in the other, among vectors of other pictures: for detectors
and segmenters, which look at positions.

"Dense Contrastive Learning for Self-Supervised Visual Pre-Training" (Wang, Zhang, Shen, Kong, Li 2020,
arXiv:2011.09157): up to 2 points of AP in detection and 3 of mIoU in segmentation more than after MoCo version 2. The
average is `techniques/momentum_teacher`. Differs from the paper: negatives are the batch's other pictures of all
replicas in place of a queue, and both views are queries, as in MoCo version 3 (arXiv:2104.02057).
"""

import dataclasses
import math
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.projector import perceptron
from kerasvision.losses.contrastive import dense_in_batch, in_batch
from kerasvision.ops.gather import gathered
from kerasvision.tasks._vectors import direction
from kerasvision.tasks.image import positions_of
from kerasvision.tasks.self_supervised.task import (
    SelfSupervised,
    answered,
    paired,
    require_temperature,
    swapped,
)


@architectures.register("self_supervised/dense")
@dataclasses.dataclass(frozen=True)
class DenseContrast(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, P], "features": [B, S, D], "positions": [B, S, P]}`: the means of
    S parts of the backbone's last level, and their projections. P is the last width of the projector, of which there
    are two.

    temperature: of the cosines. positions: weight of the loss of positions, 0 to 1; the rest is that of whole pictures.
    grid: parts of a side, at most.
    """

    temperature: float = 0.2
    positions: float = 0.5
    grid: int = 4

    required_techniques: typing.ClassVar[dict[str, str]] = {
        "momentum_teacher": "its answers are what each view and each position looks for"
    }

    def __post_init__(self):
        super().__post_init__()
        require_temperature("temperature", self.temperature)
        if not 0 <= self.positions <= 1:
            raise UsageError(f"model.positions={self.positions:g}; allowed: 0 to 1 (the paper's is 0.5)")
        if self.grid < 1:
            raise UsageError(f"model.grid={self.grid}; allowed: 1 or more")

    def check_phase(self, phase, batch_size):
        super().check_phase(phase, batch_size)
        if any(technique.registered_name == "techniques/queue" for technique in phase.techniques):
            raise UsageError(
                f"{self.registered_name} takes its negatives from the batch, and techniques/queue would hold answers "
                "that nothing looks at; leave it out, or take self_supervised/moco"
            )

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        last = list(self.backbone(image).values())[-1]
        vector = self.pooled(last)
        raw = {"embedding": vector} | self.heads(vector) | self._of_positions(last)
        return keras.Model({"image": image}, raw, name=self.name)

    def _of_positions(self, x):
        size = tuple(-(-side // self.grid) for side in x.shape[1:3])
        if size != (1, 1):
            x = keras.layers.AveragePooling2D(size, size, "same", name="parts")(x)
        features = keras.layers.Reshape((x.shape[1] * x.shape[2], x.shape[-1]), name="features")(x)
        return {"features": features, "positions": perceptron(features, self.projector, "dense")}

    @property
    def part_count(self):
        """int: S, how many parts of a picture are matched, over all levels of the backbone."""
        sides = positions_of(self.backbone, self.image_size)
        return math.prod(-(-side // -(-side // self.grid)) for side in sides)

    def head_sizes(self):
        return {"projection": self.projector[-1]}

    def ideal_raw(self, targets):
        """Positions of a picture have its direction too."""

        def spread(size):
            return tf.repeat(direction(targets["label"], size)[:, None], self.part_count, 1)

        raw = super().ideal_raw(targets)
        return raw | {"features": spread(self.vector_size), "positions": spread(self.projector[-1])}

    def loss(self, targets, raw):
        answers = {key: answered(targets, raw, key) for key in ("projection", "features", "positions")}
        keys, places = gathered(answers["projection"])
        means, _ = gathered(tf.reduce_mean(tf.math.l2_normalize(answers["positions"], -1), 1))
        own = [paired(raw[key]) for key in ("projection", "features", "positions")]
        theirs = [paired(swapped(value)) for value in (answers["features"], answers["positions"])]
        held, pictures = [paired(keys), paired(means)], places[::2] // 2
        whole, parts = [], []
        for view in range(2):
            (query, features, positions), other = (values[view] for values in own), 1 - view
            matched = matches(features, theirs[0][view])
            counterparts = tf.gather(theirs[1][view], matched, batch_dims=1)
            whole.append(in_batch(query, held[0][other], pictures, self.temperature))
            parts.append(dense_in_batch(positions, counterparts, held[1][other], pictures, self.temperature))
        joined = [tf.reshape(tf.stack(losses, 1), [-1]) for losses in (whole, parts)]
        return {"pictures": (1.0 - self.positions) * joined[0], "positions": self.positions * joined[1]}


def matches(features, others):
    """int [B, S]: which position of the other view has the largest cosine with each of this one, [B, S, D] both
    (equation 3).
    """
    cosines = tf.matmul(tf.math.l2_normalize(features, -1), tf.math.l2_normalize(others, -1), transpose_b=True)
    return tf.argmax(cosines, -1)
