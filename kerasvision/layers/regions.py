"""The layers of two-stage detectors: proposals out of a region proposal network, features of regions.

All work in float32 whatever the policy (they take a `dtype`, as layers do, and leave it), have static shapes, pass no
gradient to boxes, and stay float in int8 files (`stays_float`).
"""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.component import from_json, to_json
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.nms import Suppression, nms, top_candidates
from kerasvision.ops.roi_align import pyramid_roi_align


@keras.utils.register_keras_serializable("kerasvision")
class Proposals(keras.layers.Layer):
    """Objectness logits [B, A, 1] and deltas [B, A, 4] -> the best boxes, xyxy [B, R, 4] in graph pixels.

    "Faster R-CNN" (Ren et al. 2015, arXiv:1506.01497, section 3.3): the `candidates` best anchors, cut at the image's
    border, suppressed within their pyramid level, the `count` best of the rest; where fewer are left, zeros.
    anchors: an `ops.anchors.Anchors`, or its JSON. image_hw: of the graph.
    """

    stays_float = True

    def __init__(self, anchors, image_hw, count, candidates, iou_threshold, name=None, dtype=None):
        super().__init__(name=name, dtype="float32", trainable=False)
        self.anchors = from_json(anchors) if isinstance(anchors, dict) else anchors
        self.image_hw, self.count, self.candidates = tuple(image_hw), count, candidates
        self.iou_threshold = iou_threshold

    def call(self, inputs):
        logits, deltas = inputs
        boxes_xyxy = box_ops.decode(deltas, tf.constant(self.anchors(self.image_hw)))
        boxes_xyxy = tf.stop_gradient(box_ops.clip(boxes_xyxy, self.image_hw))
        scores = tf.stop_gradient(tf.sigmoid(logits))
        boxes_xyxy, scores, _, anchor = top_candidates(boxes_xyxy, scores, self.candidates)
        rule = Suppression(self.iou_threshold, score_threshold=0.0, max_detections=self.count)
        found = nms(boxes_xyxy, scores, tf.gather(tf.constant(self._levels()), anchor), rule)
        return tf.ensure_shape(found["boxes_xyxy"], [None, self.count, 4])

    def _levels(self):
        """int32 [A]: number of each anchor's level."""
        cells = [-(-self.image_hw[0] // s) * -(-self.image_hw[1] // s) for s in self.anchors.strides]
        counts = [n * k for n, k in zip(cells, self.anchors.per_cell, strict=True)]
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    def get_config(self):
        return {
            "anchors": to_json(self.anchors),
            "image_hw": list(self.image_hw),
            "count": self.count,
            "candidates": self.candidates,
            "iou_threshold": self.iou_threshold,
            "name": self.name,
        }


@keras.utils.register_keras_serializable("kerasvision")
class RegionFeatures(keras.layers.Layer):
    """Boxes xyxy [B, R, 4] and the levels of a pyramid, from stride 2**first on -> [B, R, side, side, C]: RoIAlign."""

    stays_float = True

    def __init__(self, first, side, name=None, dtype=None):
        super().__init__(name=name, dtype="float32", trainable=False)
        self.first, self.side = first, side

    def call(self, inputs):
        boxes_xyxy, *levels = inputs
        named = {f"p{self.first + i}": level for i, level in enumerate(levels)}
        return pyramid_roi_align(named, boxes_xyxy, (self.side, self.side))

    def get_config(self):
        return {"first": self.first, "side": self.side, "name": self.name}


@keras.utils.register_keras_serializable("kerasvision")
class MovedBoxes(keras.layers.Layer):
    """Deltas [B, R, 4] and boxes xyxy [B, R, 4] -> the boxes moved by them, cut at the border of the image."""

    stays_float = True

    def __init__(self, image_hw, name=None, dtype=None):
        super().__init__(name=name, dtype="float32", trainable=False)
        self.image_hw = tuple(image_hw)

    def call(self, inputs):
        deltas, boxes_xyxy = inputs
        return tf.stop_gradient(box_ops.clip(box_ops.decode(deltas, boxes_xyxy), self.image_hw))

    def get_config(self):
        return {"image_hw": list(self.image_hw), "name": self.name}
