"""The contract of learning without labels: a picture in, a vector of length 1 out, of the backbone's last level.

Training makes several views of a picture, each augmented with a seed of its own, one after the other in a batch; the
losses compare them. What only training needs (`projection`, `prediction`) are further raw outputs, made of the
embedding, that no file has. Labels, where the data has them, are looked at by the evaluator alone.
"""

import dataclasses
import functools
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import backbones
from kerasvision.layers.pooling import pool
from kerasvision.layers.projector import perceptron
from kerasvision.metrics.representation import Representation
from kerasvision.tasks._unit_vectors import UnitVectors
from kerasvision.tasks._vectors import direction
from kerasvision.tasks.base import AVERAGED, Output
from kerasvision.tasks.image import Resample, Resize


@dataclasses.dataclass(frozen=True)
class SelfSupervised(UnitVectors):
    """Abstract. backbone, image_size (h, w), resize, resample, crop_fraction, antialias: as of a classifier. pooling:
    over the last level's positions, which makes the embedding. projector: widths of the layers behind it.

    gallery: the split whose pictures vote where labels judge; "": the judged split's own. labeled: whether the data has
    labels, which is taken from the data. With them the main metric is `knn`, without `effective_rank`.
    """

    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    pooling: typing.Literal["average", "max"] = "average"
    projector: tuple[int, ...] = (256, 128)
    gallery: str = ""
    labeled: bool = False
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)

    name: typing.ClassVar[str] = "self_supervised"
    label_keys: typing.ClassVar[tuple[str, ...]] = ()
    after_training: typing.ClassVar[tuple[str, ...]] = ("gallery",)
    views: typing.ClassVar[int] = 2
    # names of the techniques without which the method is another one, -> what they are for
    required_techniques: typing.ClassVar[dict[str, str]] = {}
    compares_lengths: typing.ClassVar[bool] = False  # whether the loss sees more of projections than directions
    assignment_temperature: typing.ClassVar[float] = 0.0  # of projections that are cosines with prototypes
    compares_views: typing.ClassVar[bool] = True  # whether equal views leave nothing to learn

    def __post_init__(self):
        super().__post_init__()
        if not self.projector or min(self.projector) < 1:
            raise UsageError(f"model.projector={self.projector}; allowed: one width or more, each 1 or more")

    @property
    def main_metric(self):
        """What picks the best epoch: neighbors where there are labels, else how many directions embeddings use."""
        return "knn" if self.labeled else "effective_rank"

    @property
    def vector_size(self):
        """D, how many numbers an embedding has: the channels of the backbone's last level."""
        return _channels(self.backbone, self.image_size)

    @property
    def outputs(self):
        return {"embedding": Output("float32", "part of a vector of length 1", (self.vector_size,))}

    def embedding(self, graph):
        """The raw embedding, before it gets length 1."""
        return graph.output["embedding"]

    def evaluator(self, classes):
        return Representation(self.gallery, self.labeled)

    def for_data(self, split):
        return dataclasses.replace(self, labeled="label" in split.read_spec)

    def check_phase(self, phase, batch_size):
        if self.compares_views and not phase.augment:
            raise UsageError(
                f"{self.registered_name} compares views of a picture, and without augment all of them are equal; add "
                "augmentations, such as geometric/random_resized_crop and photometric/color_jitter"
            )
        held = {technique.registered_name for technique in phase.techniques}
        for name, reason in self.required_techniques.items():
            if f"techniques/{name}" not in held:
                raise UsageError(f"{self.registered_name} needs techniques/{name}: {reason}; add it to the recipe")
        if self.compares_views and batch_size < 2:
            raise UsageError(f"batch_size={batch_size}: {self.registered_name} compares pictures; allowed: 2 or more")

    def encode(self, sample):
        """`label`: of the sample, -1 where it has none."""
        return {"label": tf.cast(sample["label"], tf.int32) if "label" in sample else tf.constant(-1)}

    def ground_truth(self, sample):
        return {"label": sample["label"]} if self.labeled else {}

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        vector = self.pooled(list(self.backbone(image).values())[-1])
        return keras.Model({"image": image}, {"embedding": vector} | self.heads(vector), name=self.name)

    def pooled(self, level):
        """The raw embedding [B, D] of the backbone's last level, a Keras tensor [B, h, w, D]."""
        return pool(level, self.pooling, name="pool")

    def heads(self, vector):
        """Keras embedding [B, D] -> raw key -> what training needs of it."""
        return {"projection": perceptron(vector, self.projector, "projector")}

    def ideal_raw(self, targets):
        """Pictures of one class have one direction."""
        sizes = {"embedding": self.vector_size} | self.head_sizes()
        return {key: direction(targets["label"], size) for key, size in sizes.items()}

    def head_sizes(self):
        """Raw key of `heads` -> its width."""
        return {"projection": self.projector[-1]}


def answered(targets, raw, key):
    """What an average of the weights says of each row, of a raw key; without one what the graph itself says. No
    gradient goes into it.
    """
    return tf.stop_gradient(targets.get(AVERAGED + key, raw[key]))


def paired(rows):
    """[2 N, ...] -> two of [N, ...]: of views that follow one another, the first and the second of each picture."""
    return tf.unstack(tf.reshape(rows, [-1, 2, *rows.shape[1:]]), axis=1)


def swapped(rows):
    """Each row's other view: [2 N, ...] -> [2 N, ...]."""
    return tf.reshape(tf.reverse(tf.reshape(rows, [-1, 2, *rows.shape[1:]]), [1]), tf.shape(rows))


def require_temperature(name, value):
    """Refuses what cosines cannot be divided by."""
    if not 0 < value < float("inf"):
        raise UsageError(f"model.{name}={value:g}; allowed: above 0 (0.05 to 0.5 are usual)")


def require_width(name, value):
    """Refuses what no layer can have."""
    if value < 1:
        raise UsageError(f"model.{name}={value}; allowed: 1 or more")


@functools.cache
def _channels(backbone, image_size):
    return int(list(backbone(keras.Input((*image_size, 3))).values())[-1].shape[-1])
