"""Colorization: the network sees a picture in gray, and tells which color each part of it has.

"Colorful Image Colorization" (Zhang, Isola, Efros 2016, arXiv:1603.08511), whose AlexNet reached 31.5 % in a linear
probe of ImageNet. Differs from the paper: colors are told at the positions of the last level, of each the mean color of
the pixels under it, in the nearest bin alone; and rare colors have no larger weights. Gray pictures teach nothing.
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.layers.gray import Gray
from kerasvision.layers.projector import perceptron
from kerasvision.ops.color import lab
from kerasvision.tasks._vectors import direction
from kerasvision.tasks.image import positions_of
from kerasvision.tasks.self_supervised.task import SelfSupervised

REACH, STEP = 110, 10  # of a and b in CIELAB, as in the paper; sRGB reaches from -108 to 99
SIDE = 2 * REACH // STEP + 1
BINS = SIDE**2  # of which sRGB has colors in about 300


@architectures.register("self_supervised/colorization")
@dataclasses.dataclass(frozen=True)
class Colorization(SelfSupervised):
    """Raw is `{"embedding": [B, D], "colors": [B, h, w, 529]}`, logits of bins of CIELAB's a and b at each position of
    the backbone's last level. projector: widths of the layers before the logits, at each position.

    Color is taken away within the graph, in every file too, so that an embedding is always of a gray picture.
    """

    projector: tuple[int, ...] = (128,)

    views: typing.ClassVar[int] = 1
    compares_views: typing.ClassVar[bool] = False

    def encode(self, sample):
        """`colors`: int32 [h, w], the bin of the mean color under each position."""
        mean = lab(tf.cast(sample["image"], tf.float32) / 255.0)[..., 1:]
        mean = tf.image.resize(mean, positions_of(self.backbone, self.image_size), "area")
        bins = tf.clip_by_value(tf.cast(tf.round((mean + REACH) / STEP), tf.int32), 0, SIDE - 1)
        return super().encode(sample) | {"colors": bins[..., 0] * SIDE + bins[..., 1]}

    def build(self):
        image, seen = keras.Input((*self.image_size, 3), name="image"), self.normalization
        gray = Gray(seen.mean, seen.std, seen.channels, name="gray")(image)
        last = list(self.backbone(gray).values())[-1]
        colors = perceptron(last, (*self.projector, BINS), "projector")
        return keras.Model({"image": image}, {"embedding": self.pooled(last), "colors": colors}, name=self.name)

    def ideal_raw(self, targets):
        vector = direction(targets["label"], self.vector_size)
        return {"embedding": vector, "colors": 30.0 * tf.one_hot(targets["colors"], BINS)}

    def loss(self, targets, raw):
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets["colors"], raw["colors"])
        return {"colors": tf.reduce_mean(losses, (1, 2))}
