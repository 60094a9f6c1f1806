"""Boxes that hold a promised share of the objects whole, as a part of the file: which are kept, and how much wider.

"Conformal Object Detection by Sequential Risk Control" (Andeol et al. 2025, arXiv:2505.24038, section 4): first the
least score that is kept, so that objects are found, then the margin, so that what is lost in all, not found or not
contained, is no more than promised. The margin is fitted with the less cautious of the two scores that the first step
gives, and answered with the more cautious one, which is what makes the promise of both hold.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import plain
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.metrics.covered import counted, found_by
from kerasvision.ops import conformal
from kerasvision.tasks._promise import Promise

SCORES, MARGINS = conformal.PROBABILITIES, conformal.MARGINS


@plain("outer_boxes")
@dataclasses.dataclass(frozen=True)
class OuterBoxes(Promise):
    """coverage: the promised share of an image's objects, on average over images with any, that a detection of their
    class has found (an IoU of least_iou or more) and that its wider box holds whole; 0: there are no such boxes.
    not_found: the part of what may be lost that is left to objects that are not found. thresholds: the least score of a
    box that is kept, and the margin at each side, in parts of the box's width and height; empty until they are fitted,
    on `examples` images.
    """

    field: typing.ClassVar[str] = "outer_boxes"
    why_not_1: typing.ClassVar[str] = "no boxes hold all objects for sure"
    nothing: typing.ClassVar[str] = "none"
    counted: typing.ClassVar[str] = "images"

    least_iou: float = 0.5
    not_found: float = 0.5
    thresholds: tuple[float, ...] = ()
    examples: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not 0.1 <= self.least_iou <= 1 or not 0 < self.not_found < 1:
            raise UsageError(
                f"outer_boxes.least_iou={self.least_iou:g}, not_found={self.not_found:g}; allowed: least_iou of 0.1 to "
                "1, not_found above 0 and below 1"
            )

    @property
    def fitted_to(self):
        return self.thresholds

    def count(self, scores):
        """How many detections are kept, the first ones: int32 [B]. scores: [B, D], falling. TensorFlow."""
        least = np.float32(max(self.thresholds[0], 1e-30))  # rows without a detection have a score of 0
        return tf.reduce_sum(tf.cast(scores >= least, tf.int32), -1)

    def wider(self, boxes_xyxy):
        """Boxes [..., 4] with the margin at each side. TensorFlow."""
        low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
        reach = np.float32(self.thresholds[1]) * (high - low)
        return tf.concat([low - reach, high + reach], -1)

    def check(self, examples):
        """Raises UsageError where so many images cannot support the promise."""
        self.require(examples, more=f" with not_found={self.not_found:g}")

    def least_examples(self):
        """Images that can support both steps."""
        return conformal.needed(1 - min(self.not_found, 1 - self.not_found) * (1 - self.coverage))

    def fitted(self, predictions, ground_truths):
        """With thresholds for these images. numpy, stacked; see `metrics.detection`. Raises UsageError where they are
        too few, KerasVisionError where too many objects are found at no score.
        """
        images = [rows for rows in self._rows(predictions, ground_truths) if rows[0].shape[1]]
        self.check(len(images))
        lost, size = 1 - self.coverage, len(images)
        lost_first = self.not_found * lost
        found = np.mean([_below(np.max(scores, 0, initial=-1.0), SCORES) for scores, _ in images], 0)[::-1]
        try:
            cautious, bold = (conformal.controlled(found, size, lost_first, worst) for worst in (1.0, 0.0))
            reach = [np.min(np.where(s >= SCORES[::-1][bold], m, np.inf), 0, initial=np.inf) for s, m in images]
            missed = np.mean([(row[:, None] > MARGINS).mean(0) for row in reach], 0)
            margin = conformal.controlled(missed, size, lost)
        except ValueError:
            raise KerasVisionError(
                f"outer_boxes.coverage={self.coverage:g} cannot be promised by {size} held-out images: on average "
                f"{100 * found[-1]:.1f} % of an image's objects are found at no score (IoU of {self.least_iou:g}), and "
                f"about {100 * lost_first:.1f} % may be; promise less, or lower outer_boxes.least_iou or "
                "suppression.score_threshold"
            ) from None
        chosen = (float(SCORES[::-1][cautious]), float(MARGINS[margin]))
        return dataclasses.replace(self, thresholds=chosen, examples=size)

    def covered(self, predictions, ground_truths):
        """The share of an image's objects that is found and contained, the mean over images with any."""
        score, margin = self.thresholds
        images = [rows for rows in self._rows(predictions, ground_truths) if rows[0].shape[1]]
        return float(np.mean([((s >= score) & (m <= margin)).any(0).mean() for s, m in images]))

    def _rows(self, predictions, ground_truths):
        """Yields (scores, margins), [D, N] each, of every image: of each detection that has found an object its score,
        else -1, and the margin from which it contains it.
        """
        for number, count in enumerate(predictions["count"]):
            boxes, names, scores = (predictions[k][number][:count] for k in ("boxes_xyxy", "labels", "scores"))
            objects, labels = counted({k: v[number] for k, v in ground_truths.items()})
            own = found_by(boxes, names, objects, labels, self.least_iou)
            yield np.where(own, scores[:, None], -1.0), margins(boxes, objects)

    def promise(self):
        """What is promised, JSON; {} where nothing is."""
        if not self.is_fitted:
            return {}
        held = {"kind": "outer_boxes", "coverage": self.coverage, "of": "an image's objects"}
        return held | {"thresholds": list(self.thresholds), "examples": self.examples}


def margins(boxes, objects):
    """[D, N], the least margin, in parts of its width and height, with which each box contains each object; infinite of
    a box without area.
    """
    boxes, objects = np.asarray(boxes, np.float64).reshape(-1, 1, 4), np.reshape(objects, (1, -1, 4))
    sides = boxes[..., 2:] - boxes[..., :2]
    away = np.maximum(boxes[..., :2] - objects[..., :2], objects[..., 2:] - boxes[..., 2:])
    parts = np.divide(away, sides, out=np.full_like(away, np.inf), where=sides > 0)
    return np.maximum(parts.max(-1), 0.0)


def _below(scores, levels):
    """[L], the share of objects whose best score is below each level."""
    return (scores[:, None] < levels).mean(0)
