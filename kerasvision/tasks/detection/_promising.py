"""What a detector promises: boxes that hold objects whole, beside those that it finds."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.metrics.covered import BoxCoverage
from kerasvision.ops import boxes as box_ops
from kerasvision.ops import geometry as geo
from kerasvision.tasks._boxes import BoxAnswers
from kerasvision.tasks.answering import Output
from kerasvision.tasks.base import Architecture
from kerasvision.tasks.outer_boxes import OuterBoxes


class Promising(BoxAnswers, Architecture):
    """Abstract. Once its `outer_boxes` are fitted, predictions have `outer_count` int32 [B], how many of the detections
    are kept, the first ones, and `outer_xyxy` float32 [B, D, 4], the wider box of each of them; beyond the count 0.
    """

    outer_boxes: OuterBoxes

    calibrates: typing.ClassVar[tuple[str, ...]] = ("outer_boxes",)

    def __post_init__(self):
        super().__post_init__()
        if self.outer_boxes.coverage and self.resize == "center_crop":
            raise UsageError(
                'outer_boxes with resize="center_crop": what is cut off is never found; train with "letterbox" or '
                '"stretch"'
            )

    def outer_outputs(self, unit):
        """Those of `outputs` that a promise adds. unit: of the boxes."""
        if not self.outer_boxes.is_fitted:
            return {}
        boxes = Output("float32", unit, (self.suppression.max_detections, 4))
        return {"outer_xyxy": boxes, "outer_count": Output("int32", "detections that are kept")}

    def outer(self, found, geometry):
        """What `outer_outputs` names. found: detections in graph pixels, of `ops.nms`. TensorFlow."""
        if not self.outer_boxes.is_fitted:
            return {}
        count = self.outer_boxes.count(found["scores"])
        wider = geo.restore_boxes(self.outer_boxes.wider(found["boxes_xyxy"]), geometry)
        kept = tf.sequence_mask(count, self.suppression.max_detections)[..., None]
        return {
            "outer_xyxy": tf.where(kept, box_ops.clip(wider, geometry["image_hw"]), 0.0),
            "outer_count": count,
        }

    def file_outputs(self):
        return super().file_outputs() | self.outer_outputs("pixel of the prepared image")

    def restoring(self):
        held = super().restoring()
        return held | {"keys": held["keys"] | {key: key for key in self.outer_outputs("")}}

    def to_original_pixels(self, prediction, geometry):
        restored = super().to_original_pixels(prediction, geometry)
        if "outer_xyxy" not in prediction:
            return restored
        wider = box_ops.clip(geo.restore_boxes(prediction["outer_xyxy"], geometry), geometry["image_hw"]).numpy()
        kept = np.arange(wider.shape[1]) < np.reshape(prediction["outer_count"], (-1, 1))
        return restored | {"outer_xyxy": np.where(kept[..., None], wider, np.float32(0))}

    @property
    def tunes(self):
        """Whether `tune` looks at the validation split."""
        return self.outer_boxes.coverage > 0

    def evidence(self, prediction, ground_truth):
        """Boxes and what says which of them count, a row of arrays of each batch, whatever their numbers."""
        found = {key: prediction[key] for key in ("boxes_xyxy", "scores", "labels", "count")}
        keys = ("boxes_xyxy", "labels", "is_crowd", "is_difficult")
        return found, {key: _rows(ground_truth[key]) for key in keys if key in ground_truth}

    def tune(self, predictions, ground_truths):
        return self.with_promise(predictions, ground_truths)

    def check_promise(self, examples):
        self.outer_boxes.check(examples)

    def with_promise(self, predictions, ground_truths):
        if not self.outer_boxes.coverage:
            return self
        return dataclasses.replace(self, outer_boxes=self.outer_boxes.fitted(predictions, ground_truths))

    def promise(self):
        return self.outer_boxes.promise()

    def promised(self, prediction):
        """A wider box that was cut at the image's border is taken as it is: what was cut off is not in a prediction."""
        count = self.outer_boxes.count(tf.constant(prediction["scores"])).numpy()
        whole, own = self.outer_boxes.wider(tf.constant(prediction["boxes_xyxy"])).numpy(), prediction["outer_xyxy"]
        far = own[..., 2:].max(1, keepdims=True)
        cut = (own[..., :2] <= 0).any(-1) | (own[..., 2:] >= far).any(-1)
        return {"outer_count": count, "outer_xyxy": np.where(cut[..., None], own, whole)}

    def kept(self, predictions, ground_truths):
        return self.outer_boxes.covered(predictions, ground_truths)

    def coverage(self):
        """The evaluator of what is promised, or None."""
        return BoxCoverage(self.outer_boxes.least_iou) if self.outer_boxes.is_fitted else None


def _rows(values):
    rows = np.empty(len(values), object)
    rows[:] = list(values)
    return rows
