"""DB: "Real-time Scene Text Detection with Differentiable Binarization" (Liao, Wan, Yao, Chen, Bai 2019,
arXiv:1911.08947).

Differs from the paper: the map has a cell for each `stride` pixels; layers are enlarged by nearest doubling and a
convolution in place of transposed convolutions; the approximate binary map is learned by Dice's coefficient; borders of
the threshold map are mitered; quads are made of moments, and unclipped by the exact reverse of the shrinking.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.losses import binarization
from kerasvision.ops import labeling
from kerasvision.ops import quads as quad_ops
from kerasvision.tasks.text_detection._maps import MapDetection

LOW, HIGH = 0.3, 0.7  # of the threshold map (section 3.4)
_CERTAIN = 20.0  # a logit


@architectures.register("text_detection/db")
@dataclasses.dataclass(frozen=True)
class DB(MapDetection):
    """Raw: `text` and `border` logits [B, h, w, 1]; `border`, the threshold map, is learned from and in no file.
    Targets: `text` 1, 0, or -1 of no account; `border` LOW to HIGH, -1 where there is none.

    Each component becomes the rectangle of its moments (`ops.labeling.rectangles`), whose sides are then moved outwards
    (`ops.quads.enlarging`). binary_weight, border_weight: alpha and beta of equation 7, of the approximate binary map
    and the threshold map.
    """

    binary_weight: float = 1.0
    border_weight: float = 10.0

    @property
    def heads(self):
        return {"text": 1, "border": 1}

    def answering(self, graph):
        return keras.Model(graph.input, {"text": graph.output["text"]}, name=self.name)

    def encode(self, sample):
        """The text map; and of cells not farther outside of a quad than it was shrunk by, HIGH on its sides, falling to
        LOW at that distance either way (section 3.4, figure 6).
        """
        distances, moved = self.distances(sample)
        near = tf.maximum(1.0 - tf.abs(distances) / tf.maximum(moved[:, None], 1e-6), 0.0)
        taught = tf.reduce_any(distances > -moved[:, None], 0)
        height = tf.reduce_max(tf.pad(near, [[0, 1], [0, 0]]), 0)  # there may be no quad
        border = tf.where(taught, LOW + (HIGH - LOW) * height, -1.0)
        return {
            "text": self.text_map(distances, moved),
            "border": tf.reshape(border, [*self.map_hw, 1]),
        }

    def loss(self, targets, raw):
        """Equation 7: of the probability map, of the approximate binary map, and of the threshold map."""
        binary = binarization.binary_map(raw["text"], raw["border"])
        return {
            "text": binarization.mined_cross_entropy(targets["text"], raw["text"]),
            "binary": self.binary_weight * binarization.binary_dice(targets["text"], binary),
            "border": self.border_weight * binarization.border_distance(targets["border"], raw["border"]),
        }

    def ideal_raw(self, targets):
        border = tf.maximum(targets["border"], LOW)
        return {
            "text": _CERTAIN * (2.0 * tf.maximum(targets["text"], 0.0) - 1.0),
            "border": tf.math.log(border) - tf.math.log1p(-border),
        }

    def quads_of(self, member, probability, raw):
        centers, along, sides = labeling.rectangles(member)
        sides += 2.0 * quad_ops.enlarging(sides, self.shrink)[..., None]
        return self.stride * quad_ops.from_rectangle(centers, along, sides)
