"""Targets of detectors: the score of the position that answers a box and a label.

That a box is answered by what overlaps it, and not by what was first, is how "Black-box Explanation of Object Detectors
via Saliency Maps" (Petsiuk et al. 2020, arXiv:2006.03204, section 3.2) pairs detections of changed images. Differs
from the paper: all positions take part, before suppression, so that there is a gradient; their overlap and their
classes' other scores do not count beyond the threshold.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops import boxes as box_ops
from kerasvision.ops import geometry as geo
from kerasvision.tasks.targets import Target, Targets, index_of

ANSWERS = 0.5  # IoU from which a position answers a box
MOST = 2  # objects where nobody asks for one


@dataclasses.dataclass(frozen=True, eq=False)
class BoxTarget(Target):
    """The best score 0..1 of a class among the positions whose boxes overlap `box_xyxy` by an IoU of 0.5 or more; 0
    where there are none. arch: a `Detection`. box_xyxy: in graph pixels. frame_xyxy: of the picture there; what lies
    beyond is cut off boxes, as in a prediction. classes: the scores [K] of the position that answers it, or None.
    """

    arch: typing.Any
    box_xyxy: tuple[float, float, float, float]
    index: int
    frame_xyxy: tuple[float, float, float, float]
    text: str = ""
    classes: typing.Any = None

    @property
    def region(self):
        """The pixels whose centers lie in the box."""
        x1, y1, x2, y2 = self.box_xyxy
        y, x = np.ogrid[: self.arch.image_size[0], : self.arch.image_size[1]]
        return (x + 0.5 > x1) & (x + 0.5 < x2) & (y + 0.5 > y1) & (y + 0.5 < y2)

    def score(self, found):
        overlap, scores = self._answers(found)
        return tf.reduce_max(tf.where(overlap >= ANSWERS, scores[..., self.index], 0.0), 1)

    def similarity(self, found):
        """How much of the object is there, its place and its classes, 0..1, [B]: of the position where it is most, IoU
        * cosine of the scores * largest score (the paper's equations 2 to 5).
        """
        overlap, scores = self._answers(found)
        alike = tf.linalg.matvec(tf.math.l2_normalize(scores, -1), tf.math.l2_normalize(self.classes))
        return tf.reduce_max(overlap * alike * tf.reduce_max(scores, -1), 1)

    def seen(self, raw):
        """The target with the `classes` of the position that answers it. raw: with a batch axis of 1."""
        overlap, scores = self._answers(raw)
        best = tf.argmax(tf.where(overlap >= ANSWERS, scores[..., self.index], -1.0)[0])
        return dataclasses.replace(self, classes=scores[0, best].numpy())

    def check(self, raw):
        """Raise where no position answers the box. raw: with a batch axis of 1."""
        most = float(tf.reduce_max(self._answers(raw)[0]))
        if most < ANSWERS:
            box = ", ".join(f"{v:.1f}" for v in self.box_xyxy)
            raise KerasVisionError(
                f"no position of {self.arch.registered_name} answers the box ({box}) in graph pixels: the largest IoU "
                f"is {most:.3f} and {ANSWERS:g} is needed; take a box that predict finds"
            )

    def _answers(self, found):
        """IoU with the box [B, A], and scores of the classes [B, A, K]."""
        boxes, scores = _places(self.arch, found)
        low, high = (tf.constant(self.frame_xyxy[part] * 2) for part in (slice(0, 2), slice(2, 4)))
        boxes = tf.clip_by_value(boxes, low, high)
        return box_ops.iou(boxes, tf.constant(self.box_xyxy, tf.float32)), scores


@dataclasses.dataclass(frozen=True)
class BoxTargets(Targets):
    """arch: a `Detection`. flag: what names an object, in what is said of a wrong one."""

    arch: typing.Any
    flag: str = "box"

    answered: typing.ClassVar[tuple[str, ...]] = ("boxes_xyxy", "scores", "labels", "count")
    flags: typing.ClassVar[dict[str, str]] = {
        "box": "the score of an object, by its number in predict --json, from 0 (default: the two surest)",
        "label": "the class whose score it is, or without --box the surest object of it",
    }

    def chosen(self, raw, geometry, classes, asked):
        prediction = {k: v[0].numpy() for k, v in self._prediction(raw, geometry).items()}
        count, labels = int(prediction["count"]), [index_of(label, classes) for label in asked.label]
        if not count:
            raise KerasVisionError("nothing is found in this image, so there is no box whose score could be explained")
        wrong = [number for number in asked.box if not 0 <= number < count]
        if wrong:
            raise UsageError(f"--{self.flag} {wrong[0]}: the objects that predict finds here are 0 to {count - 1}")
        found = prediction["labels"][:count].astype(int).tolist()
        if asked.box:
            pairs = [(number, index) for number in asked.box for index in labels or [found[number]]]
        elif labels:
            pairs = [(_surest(found, index, classes), index) for index in labels]
        else:
            pairs = [(number, found[number]) for number in range(min(count, MOST))]
        own = {k: v[0] for k, v in geometry.items()}
        return [self._target(n, prediction["boxes_xyxy"][n], i, raw, own, classes) for n, i in pairs]

    def _prediction(self, raw, geometry):
        """Of raw outputs, or of `answered` in their place, in pixels of the original image."""
        if not _is_answer(raw):
            return self.arch.decode(raw, geometry)
        boxes = box_ops.clip(geo.restore_boxes(raw["boxes_xyxy"], geometry), geometry["image_hw"])
        return {key: raw[key] for key in self.answered} | {"boxes_xyxy": boxes}

    def at(self, box_xyxy, index, raw, geometry):
        """The target of a box in pixels of the original image, which some position must answer.

        raw, geometry: of one example; raw with a batch axis of 1, geometry without one.
        """
        image_hw = tf.cast(geometry["image_hw"], tf.float32)
        both = tf.stack([tf.constant(box_xyxy, tf.float32), tf.concat([tf.zeros(2), image_hw[::-1]], 0)])
        box, frame = box_ops.clip(geo.move_boxes(both, geometry), self.arch.image_size).numpy().tolist()
        target = BoxTarget(self.arch, tuple(box), int(index), tuple(frame))
        target.check(raw)
        return target.seen(raw)

    def _target(self, number, box_xyxy, index, raw, geometry, classes):
        target = self.at(box_xyxy, index, raw, geometry)
        return dataclasses.replace(target, text=f"{number}: {classes[index]} {float(target.score(raw)[0]):.3f}")

    def feature_maps(self, graph):
        return [self.arch.last_level(graph)]


def _is_answer(found):
    """Whether these are detections of a file, `BoxTargets.answered`, and no raw outputs."""
    return isinstance(found, dict) and set(BoxTargets.answered) <= set(found)


def _places(arch, found):
    """Boxes [B, A, 4] in graph pixels and scores of the classes [B, A, K] of raw outputs; of a file's detections, of
    whose scores only that of the label is known, the others are 0.
    """
    if not _is_answer(found):
        return arch.candidates(found)
    labels = tf.one_hot(tf.cast(found["labels"], tf.int32), arch.num_classes)
    return found["boxes_xyxy"], found["scores"][..., None] * labels


def _surest(found, index, classes):
    """The first object of a class."""
    if index not in found:
        there = ", ".join(classes[i] for i in dict.fromkeys(found))
        raise KerasVisionError(f"no {classes[index]} is found in this image; there are: {there}")
    return found.index(index)
