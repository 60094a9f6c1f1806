"""YOLO, anchor-free: the heads and losses of YOLOv8 (Jocher, Chaurasia, Qiu 2023) over any backbone.

Decoupled heads: "YOLOX: Exceeding YOLO Series in 2021" (Ge et al. 2021, arXiv:2107.08430, section 2.2). Distances as
distributions and their loss: "Generalized Focal Loss" (Li et al. 2020, arXiv:2006.04388). Assignment: "TOOD" (Feng et
al. 2021, arXiv:2108.07755). Boxes: CIoU (Zheng et al. 2019, arXiv:1911.08287).

Differs from YOLOv8: each example's loss is over its own sum of qualities (at least 1), not the batch's, so that
replicas train as one, and an object that no point fits yet weighs little; the bins begin half a stride behind the
point, so that a box too small to hold a point can still be said.
"""

import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras
from scipy.optimize import linear_sum_assignment

from kerasvision.core.registry import architectures, necks
from kerasvision.losses.detection import distribution_focal, overlap
from kerasvision.necks.base import Neck, convolve
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.anchors import anchor_points
from kerasvision.ops.matching import TaskAligned, take
from kerasvision.tasks.detection.task import Detection, padded_ground_truth, without_padding

PRIOR = 0.01  # the score every point starts with
BEHIND = 0.5  # strides that the first bin lies behind the point


@architectures.register("detection/yolo")
@dataclasses.dataclass(frozen=True)
class YOLO(Detection):
    """Raw: `classes` logits [B, A, K]; `distances` logits [B, A, 4, bins] of the way from a point to the left, top,
    right and bottom side in strides: bin i stands for i - 0.5. Targets: the truth, padded to `max_objects`.

    neck: one point a cell of its levels. head_width, head_depth: of the 3x3 convolutions of both heads, each level's
    own. class_weight, box_weight, bin_weight: of the three losses. max_objects: most in one example; more is an error.
    """

    neck: Neck = dataclasses.field(default_factory=lambda: necks["pan"](width=96))
    head_width: int = 64
    head_depth: int = 2
    bins: int = 16
    assigner: TaskAligned = TaskAligned()
    class_weight: float = 0.5
    box_weight: float = 7.5
    bin_weight: float = 1.5
    max_objects: int = 100

    class_logits: typing.ClassVar[dict[str, str]] = {"classes": "sigmoid"}

    @property
    def points(self):
        """xy [A, 2] in graph pixels and strides [A], numpy."""
        return anchor_points([2**k for k in range(self.neck.first, self.neck.last + 1)], self.image_size)

    def build(self):
        self.require_classes()
        image = keras.Input((*self.image_size, 3), name="image")
        pyramid = self.neck(self.backbone(image))
        prior = math.log(PRIOR / (1 - PRIOR))
        classes = self._head(pyramid, "classes", (self.num_classes,), prior)
        distances = self._head(pyramid, "distances", (4, self.bins), 0.0)
        return keras.Model({"image": image}, {"classes": classes, "distances": distances}, name=self.name)

    def _head(self, pyramid, name, shape, bias):
        rows = []
        for level, x in pyramid.items():
            for number in range(self.head_depth):
                x = convolve(x, self.head_width, 3, 1, f"{name}_{number}_{level}", "swish")
            start = keras.initializers.Constant(bias)
            x = keras.layers.Conv2D(math.prod(shape), 1, bias_initializer=start, name=f"{name}_out_{level}")(x)
            rows.append(keras.layers.Reshape((-1, *shape), name=f"{name}_rows_{level}")(x))
        return keras.layers.Concatenate(axis=1, name=name)(rows)

    def encode(self, sample):
        return padded_ground_truth(sample, self.max_objects)

    def _boxes(self, distances):
        """Distance logits [B, A, 4, bins] -> xyxy [B, A, 4] in graph pixels."""
        points, stride = self.points
        strides_away = box_ops.expected_distances(distances) - BEHIND
        return box_ops.from_distances(strides_away * stride[:, None], points)

    def loss(self, targets, raw):
        """Crowds are neither learned nor background: their points' class losses do not count."""
        targets, (points, stride) = without_padding(targets), self.points
        boxes, valid = self._boxes(raw["distances"]), targets["valid"] & ~targets["is_crowd"]
        scores = tf.sigmoid(raw["classes"])
        match = self.assigner(scores, boxes, points, targets["boxes_xyxy"], targets["labels"], valid)
        quality = match.quality  # [B, A]
        total = tf.maximum(tf.reduce_sum(quality, 1), 1.0)
        wanted = tf.one_hot(take(targets["labels"], match.index), self.num_classes) * quality[..., None]
        classes = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(wanted, raw["classes"]), -1)
        classes = tf.where(self._in_crowd(points, targets) & ~match.positive, 0.0, classes)
        true = take(targets["boxes_xyxy"], match.index)
        # a point without a truth takes its own box: a loss of 0 and no gradient of a box that is not there
        apart = overlap(tf.where(match.positive[..., None], true, tf.stop_gradient(boxes)), boxes, "ciou")
        bins = box_ops.to_distances(true, points) / stride[:, None] + BEHIND
        bins = distribution_focal(bins, raw["distances"])
        return {
            "classes": self.class_weight * tf.reduce_sum(classes, 1) / total,
            "boxes": self.box_weight * tf.reduce_sum(apart * quality, 1) / total,
            "bins": self.bin_weight * tf.reduce_sum(bins * quality, 1) / total,
        }

    def _in_crowd(self, points, targets):
        """bool [B, A]: the point lies in a crowd's box."""
        away = box_ops.to_distances(targets["boxes_xyxy"][:, None], points[:, None])  # [B, A, G, 4]
        crowd = targets["valid"] & targets["is_crowd"]
        return tf.reduce_any(tf.reduce_all(away > 0.0, -1) & crowd[:, None], -1)

    def candidates(self, raw):
        low, high = tf.split(self._boxes(raw["distances"]), 2, -1)
        # a point may lie beyond a side, so both sides of a box that was never trained may have changed places
        return tf.concat([low, tf.maximum(low, high)], -1), tf.sigmoid(raw["classes"])

    def ideal_raw(self, targets):
        """Each truth gets a point of its own whose bins can say it (scipy's assignment); numpy inside."""
        points, stride = self.points
        count, most = targets["labels"].shape[0], self.bins - 1
        classes = np.full((count, len(points), self.num_classes), -20.0, np.float32)
        distances = np.zeros((count, len(points), 4, self.bins), np.float32)
        for image in range(count):
            held = np.flatnonzero(targets["valid"][image])
            boxes = np.asarray(targets["boxes_xyxy"][image])[held]
            away = np.asarray(box_ops.to_distances(boxes[:, None], points)) / stride[:, None] + BEHIND  # [N, A, 4]
            within = [((away >= low) & (away <= most)).all(-1).astype(int) for low in (0, BEHIND)]  # said; and inside
            ground_truths, chosen = linear_sum_assignment(within[0] * len(held) + within[1], maximize=True)
            classes[image, chosen, np.asarray(targets["labels"][image])[held[ground_truths]]] = 20.0
            shares = np.maximum(1 - np.abs(away[ground_truths, chosen][..., None] - np.arange(self.bins)), 1e-30)
            distances[image, chosen] = np.log(shares)
        return {"classes": tf.constant(classes), "distances": tf.constant(distances)}
