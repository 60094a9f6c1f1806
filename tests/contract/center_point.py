"""CenterNet on a pyramid: "Objects as Points" (Zhou, Wang, Krahenbuhl 2019, arXiv:1904.07850).

Differs from the paper: an object is the point nearest to its center on the level that fits its size, not a Gaussian on
one map of stride 4; the width and height are logarithms.
"""

import dataclasses
import math

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures, necks
from kerasvision.losses.detection import focal, smooth_l1
from kerasvision.necks.base import Neck
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.anchors import anchor_points
from kerasvision.tasks.detection.task import Detection


@architectures.register("detection/center_point")
@dataclasses.dataclass(frozen=True)
class CenterPoint(Detection):
    """Raw: `classes` logits [B, A, K]; `boxes` [B, A, 4], the center's way from the point and the logarithms of width
    and height, in strides. Targets: the same, `classes` 0 or 1.
    """

    neck: Neck = dataclasses.field(default_factory=lambda: necks["fpn"](width=32, first=3, last=4))
    width: int = 32

    @property
    def points(self):
        """xy [A, 2] and strides [A], numpy."""
        return anchor_points([2**k for k in range(self.neck.first, self.neck.last + 1)], self.image_size)

    def build(self):
        self.require_classes()
        image = keras.Input((*self.image_size, 3), name="image")
        pyramid = self.neck(self.backbone(image))
        raw = {"classes": self._head(pyramid, "classes", self.num_classes, -4.6), "boxes": self._head(pyramid, "boxes")}
        return keras.Model({"image": image}, raw, name=self.name)

    def _head(self, pyramid, name, channels=4, bias=0.0):
        first = keras.layers.Conv2D(self.width, 3, padding="same", activation="swish", name=f"{name}_first")
        start = keras.initializers.Constant(bias)
        last = keras.layers.Conv2D(channels, 1, bias_initializer=start, name=f"{name}_last")
        rows = [keras.layers.Reshape((-1, channels))(last(first(x))) for x in pyramid.values()]
        return keras.layers.Concatenate(axis=1, name=name)(rows)

    def encode(self, sample):
        points, stride = self.points
        boxes = box_ops.to_cxcywh(sample["boxes_xyxy"])  # [G, 4]
        side = tf.sqrt(box_ops.area(sample["boxes_xyxy"]))[:, None]
        misfit = tf.abs(tf.math.log(side / (2.0 * stride)))  # [G, A]: an object is about two cells wide on its level
        fits = misfit <= tf.reduce_min(misfit, -1, keepdims=True)
        away = tf.norm(boxes[:, None, :2] - points, axis=-1)
        place = tf.argmin(tf.where(fits, away, math.inf), -1, output_type=tf.int32)  # [G]
        center, cell = tf.gather(points, place), tf.gather(stride, place)[:, None]
        coded = tf.concat([(boxes[:, :2] - center) / cell, tf.math.log(boxes[:, 2:] / cell)], -1)
        classes = tf.one_hot(sample["labels"], self.num_classes)
        return {
            "classes": tf.tensor_scatter_nd_max(tf.zeros([len(points), self.num_classes]), place[:, None], classes),
            "boxes": tf.tensor_scatter_nd_update(tf.zeros([len(points), 4]), place[:, None], coded),
        }

    def loss(self, targets, raw):
        positive = tf.reduce_max(targets["classes"], -1)  # [B, A]
        total = tf.maximum(tf.reduce_sum(positive, 1), 1.0)
        boxes = positive * smooth_l1(targets["boxes"], raw["boxes"], beta=0.1)
        return {
            "classes": tf.reduce_sum(focal(targets["classes"], raw["classes"]), 1) / total,
            "boxes": tf.reduce_sum(boxes, 1) / total,
        }

    def candidates(self, raw):
        points, stride = self.points
        center = points + raw["boxes"][..., :2] * stride[:, None]
        sides = tf.exp(tf.minimum(raw["boxes"][..., 2:], 5.0)) * stride[:, None]
        return box_ops.from_cxcywh(tf.concat([center, sides], -1)), tf.sigmoid(raw["classes"])

    def ideal_raw(self, targets):
        return {"classes": 40.0 * targets["classes"] - 20.0, "boxes": targets["boxes"]}
