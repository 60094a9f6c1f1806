"""SSD: "Single Shot MultiBox Detector" (Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg 2015, arXiv:1512.02325).

Differs from the paper: any backbone, whose finest levels first go through a 3x3 convolution (the paper scales conv4_3
by a learned norm); square roots of areas and ratios of the default boxes are those of `Anchors`; an image without
objects still learns its hardest background.
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import architectures
from kerasvision.losses.detection import smooth_l1
from kerasvision.necks.base import convolve
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.anchors import Anchors
from kerasvision.ops.matching import Matcher, take
from kerasvision.tasks.detection.task import Detection

STRIDES = (8, 16, 32, 64, 128)


def _default_boxes():
    """Section 2.2, equation 4: scales from 0.1 to 0.75 of a side of 320 pixels, and the geometric mean of neighbors."""
    sides = [320 * (0.1 + 0.65 * i / (len(STRIDES) - 1)) for i in range(len(STRIDES))]
    sides.append(320.0)
    sizes = tuple((a, (a * b) ** 0.5) for a, b in zip(sides[:-1], sides[1:], strict=True))
    return Anchors(strides=STRIDES, sizes=sizes, ratios=(0.5, 1.0, 2.0))


@architectures.register("detection/ssd")
@dataclasses.dataclass(frozen=True)
class SSD(Detection):
    """Raw: `classes` logits [B, A, 1 + K], background first, and `deltas` [B, A, 4]. Targets: `classes` one-hot, or all
    0 for an anchor that takes no part; `deltas`, which count where a class is 1.

    anchors: a level a stride, powers of 2; those beyond the backbone's levels are extra layers. width: of the
    convolution on the backbone's levels; extra_width: of the extra layers. negatives: background anchors for each
    positive one in the loss, the hardest ones. box_weight: of the box loss.
    """

    anchors: Anchors = dataclasses.field(default_factory=_default_boxes)
    matcher: Matcher = Matcher(negative_iou=0.5)
    width: int = 128
    extra_width: int = 128
    negatives: int = 3
    box_weight: float = 1.0

    class_logits: typing.ClassVar[dict[str, str]] = {"classes": "softmax"}

    def build(self):
        self.require_classes()
        first = self.anchors.strides[0].bit_length() - 1
        self.require_strides(self.anchors.strides, first, first + len(self.anchors.strides) - 1)
        image = keras.Input((*self.image_size, 3), name="image")
        features = self._features(self.backbone(image))
        raw = {
            "classes": self._head(features, "classes", 1 + self.num_classes),
            "deltas": self._head(features, "deltas", 4),
        }
        return keras.Model({"image": image}, raw, name=self.name)

    def _features(self, levels):
        """One tensor a stride: the backbone's level, or an extra layer (figure 2) of the one before."""
        features = []
        for stride in self.anchors.strides:
            level = f"c{stride.bit_length() - 1}"
            if level in levels:
                features.append(convolve(levels[level], self.width, 3, 1, f"feature_{level}", "relu6"))
            elif not features:
                raise KerasVisionError(f"{self.registered_name}: the backbone has no level of stride {stride}")
            else:
                x = convolve(features[-1], self.extra_width // 2, 1, 1, f"extra_{level}_1", "relu6")
                features.append(convolve(x, self.extra_width, 3, 2, f"extra_{level}_2", "relu6"))
        return features

    def _head(self, features, name, width):
        """A 3x3 convolution a level, its own (section 2.1)."""
        rows = []
        for number, (x, count) in enumerate(zip(features, self.anchors.per_cell, strict=True)):
            x = keras.layers.Conv2D(count * width, 3, padding="same", name=f"{name}_{number}")(x)
            rows.append(keras.layers.Reshape((-1, width), name=f"{name}_rows_{number}")(x))
        return keras.layers.Concatenate(axis=1, name=name)(rows)

    def encode(self, sample):
        anchors = tf.constant(self.anchors(self.image_size))
        matches = self.matcher(anchors, sample["boxes_xyxy"], is_crowd=sample.get("is_crowd"))
        label = 1 + take(sample["labels"], matches.index)
        label = tf.where(matches.positive, label, tf.where(matches.negative, 0, -1))
        deltas = box_ops.encode(take(sample["boxes_xyxy"], matches.index), anchors)
        return {
            "classes": tf.one_hot(label, 1 + self.num_classes),
            "deltas": tf.where(matches.positive[:, None], deltas, 0.0),
        }

    def loss(self, targets, raw):
        """Equations 1 to 3: softmax with hard negatives, and smooth L1, over the number of positives of an example."""
        positive = tf.reduce_max(targets["classes"][..., 1:], -1) > 0  # [B, A]
        count = tf.reduce_sum(tf.cast(positive, tf.int32), 1)
        classes = tf.nn.softmax_cross_entropy_with_logits(targets["classes"], raw["classes"])
        hard = _hardest(classes, targets["classes"][..., 0] > 0, self.negatives * tf.maximum(count, 1))
        classes = tf.where(positive | hard, classes, 0.0)
        boxes = tf.where(positive, smooth_l1(targets["deltas"], raw["deltas"]), 0.0)
        total = tf.cast(tf.maximum(count, 1), tf.float32)
        return {
            "classes": tf.reduce_sum(classes, 1) / total,
            "boxes": self.box_weight * tf.reduce_sum(boxes, 1) / total,
        }

    def candidates(self, raw):
        boxes = box_ops.decode(raw["deltas"], tf.constant(self.anchors(self.image_size)))
        return boxes, tf.nn.softmax(raw["classes"])[..., 1:]

    def ideal_raw(self, targets):
        background = 1.0 - tf.reduce_sum(targets["classes"], -1, keepdims=True)  # where an anchor takes no part
        background = tf.pad(background, [[0, 0], [0, 0], [0, self.num_classes]])
        return {"classes": 40.0 * (targets["classes"] + background) - 20.0, "deltas": targets["deltas"]}


def _hardest(losses, negative, count):
    """bool [B, A]: the `count` [B] negatives of the largest loss (section 2.2, "Hard negative mining")."""
    order = tf.argsort(tf.where(negative, tf.stop_gradient(losses), -1.0), direction="DESCENDING", stable=True)
    rank = tf.argsort(order, stable=True)
    return negative & (rank < count[:, None])
