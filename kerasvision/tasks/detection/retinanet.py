"""RetinaNet: "Focal Loss for Dense Object Detection" (Lin, Goyal, Girshick, He, Dollar 2017, arXiv:1708.02002).

Differs from the paper in its defaults: 96 channels and two convolutions a head (256 and four), for processors and
phones; each truth gets its best anchor, whatever their IoU.
"""

import dataclasses
import functools
import math
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures, necks
from kerasvision.losses.detection import focal, smooth_l1
from kerasvision.necks.base import Neck
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.anchors import Anchors
from kerasvision.ops.matching import Matcher, take
from kerasvision.tasks.detection.task import Detection, anchor_rows

PRIOR = 0.01  # section 4.1: the score every anchor starts with


@architectures.register("detection/retinanet")
@dataclasses.dataclass(frozen=True)
class RetinaNet(Detection):
    """Raw: `classes` logits [B, A, K] and `deltas` [B, A, 4]. Targets: `classes` 0 or 1, -1 for an anchor that takes no
    part; `deltas`, which count where a class is 1.

    neck: its levels go with anchors.strides. head_width, head_depth: of the 3x3 convolutions of both heads, which all
    levels share. box_weight: of the box loss.
    """

    neck: Neck = dataclasses.field(default_factory=lambda: necks["fpn"](width=96))
    anchors: Anchors = Anchors()
    matcher: Matcher = Matcher()
    head_width: int = 96
    head_depth: int = 2
    box_weight: float = 1.0

    class_logits: typing.ClassVar[dict[str, str]] = {"classes": "sigmoid"}

    def build(self):
        self.require_classes()
        self.require_strides(self.anchors.strides, self.neck.first, self.neck.last)
        image = keras.Input((*self.image_size, 3), name="image")
        pyramid = self.neck(self.backbone(image))
        raw = {
            "classes": self._head(pyramid, "classes", self.num_classes, -math.log((1 - PRIOR) / PRIOR)),
            "deltas": self._head(pyramid, "deltas", 4, 0.0),
        }
        return keras.Model({"image": image}, raw, name=self.name)

    def _head(self, pyramid, name, width, bias):
        """One head over all levels: the same convolutions, then a row an anchor."""
        shared = [self._convolution(self.head_width, f"{name}_{i}") for i in range(self.head_depth)]
        hidden = {}
        for level, x in pyramid.items():
            for number, convolution in enumerate(shared):
                x = keras.layers.ReLU(name=f"{name}_{number}_relu_{level}")(convolution(x))
            hidden[level] = x
        last = functools.partial(self._convolution, bias=bias)
        return anchor_rows(hidden, self.anchors.per_cell, width, last, name)

    def _convolution(self, width, name, bias=0.0):
        start = keras.initializers.RandomNormal(stddev=0.01) if "out" in name else "he_uniform"
        return keras.layers.Conv2D(
            width,
            3,
            padding="same",
            kernel_initializer=start,
            bias_initializer=keras.initializers.Constant(bias),
            name=name,
        )

    def encode(self, sample):
        anchors = tf.constant(self.anchors(self.image_size))
        matches = self.matcher(anchors, sample["boxes_xyxy"], is_crowd=sample.get("is_crowd"))
        classes = take(tf.one_hot(sample["labels"], self.num_classes), matches.index)
        ignored = ~(matches.positive | matches.negative)
        deltas = box_ops.encode(take(sample["boxes_xyxy"], matches.index), anchors)
        return {
            "classes": tf.where(ignored[:, None], -1.0, classes),
            "deltas": tf.where(matches.positive[:, None], deltas, 0.0),
        }

    def loss(self, targets, raw):
        """Equation 5 summed over anchors, and smooth L1, both over the number of positive anchors (section 4.1)."""
        counts = targets["classes"][..., :1] >= 0
        positive = tf.reduce_max(targets["classes"], -1) > 0
        total = tf.maximum(tf.reduce_sum(tf.cast(positive, tf.float32), 1), 1.0)
        classes = tf.where(counts[..., 0], focal(tf.maximum(targets["classes"], 0.0), raw["classes"]), 0.0)
        boxes = tf.where(positive, smooth_l1(targets["deltas"], raw["deltas"], beta=1.0 / 9.0), 0.0)
        return {
            "focal": tf.reduce_sum(classes, 1) / total,
            "boxes": self.box_weight * tf.reduce_sum(boxes, 1) / total,
        }

    def candidates(self, raw):
        return box_ops.decode(raw["deltas"], tf.constant(self.anchors(self.image_size))), tf.sigmoid(raw["classes"])

    def ideal_raw(self, targets):
        return {"classes": 40.0 * tf.maximum(targets["classes"], 0.0) - 20.0, "deltas": targets["deltas"]}
