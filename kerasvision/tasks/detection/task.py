"""The contract of object detection: boxes in original pixels, found on a graph-sized copy of the photograph."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import SAYS, KerasVisionError
from kerasvision.core.registry import backbones
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.objects import ObjectsShowing
from kerasvision.edge import describing
from kerasvision.metrics.detection import Detection as DetectionEvaluator
from kerasvision.ops import boxes as box_ops
from kerasvision.ops import geometry as geo
from kerasvision.ops.nms import Suppression, nms, top_candidates
from kerasvision.ops.slots import Slots
from kerasvision.tasks.base import Output
from kerasvision.tasks.detection import _agreement
from kerasvision.tasks.detection._agreement import CANDIDATES
from kerasvision.tasks.detection._promising import Promising
from kerasvision.tasks.detection._steps import Stepping
from kerasvision.tasks.detection._targets import BoxTargets
from kerasvision.tasks.image import ImageArchitecture, Resample, Resize
from kerasvision.tasks.outer_boxes import OuterBoxes

OPTIONAL_GROUND_TRUTH = ("is_crowd", "is_difficult", "area_px", "occlusion", "illumination")


@dataclasses.dataclass(frozen=True)
class Detection(Promising, ImageArchitecture):
    """Abstract. Predictions: `boxes_xyxy` float32 [B, D, 4] in pixels of the original image, `scores`, `labels`
    [B, D] by falling score, and `count` [B]; rows from `count` on are 0, their label -1.

    num_classes: without background; 0 takes the number from the data. image_size: (h, w), multiples of the coarsest
    stride. suppression: which candidates become detections, and D. outer_boxes: boxes that hold a promised share of the
    objects whole. slots: of a tracker that files have inside, as the function `step`; with slots.count=0 there is none.
    """

    num_classes: int = 0
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["efficientnet_lite"]())
    image_size: tuple[int, int] = (320, 320)
    resize: Resize = "letterbox"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)
    suppression: Suppression = Suppression()
    outer_boxes: OuterBoxes = OuterBoxes()
    slots: Slots = Slots()

    name: typing.ClassVar[str] = "detection"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("boxes_xyxy", "labels")
    main_metric: typing.ClassVar[str] = "ap"
    gives_places: typing.ClassVar[bool] = True
    showing: typing.ClassVar[Showing] = ObjectsShowing()
    after_training: typing.ClassVar[tuple[str, ...]] = ("slots",)

    @property
    def outputs(self):
        most = self.suppression.max_detections
        return {
            "boxes_xyxy": Output("float32", "pixel of the original image", (most, 4)),
            "scores": Output("float32", "probability", (most,)),
            "labels": Output("int32", "class index, -1 beyond count", (most,)),
            "count": Output("int32", "detections"),
        } | self.outer_outputs("pixel of the original image")

    def require_classes(self):
        """Raise before a graph without classes is built."""
        if self.num_classes < 1:
            raise KerasVisionError(
                f"{self.registered_name} has num_classes={self.num_classes}; set model.num_classes, or let the data "
                "decide with 0"
            )

    def require_strides(self, strides, first, last):
        """Raise unless anchors' strides are those of the levels that the heads look at."""
        levels = tuple(2**k for k in range(first, last + 1))
        if tuple(strides) != levels:
            raise KerasVisionError(
                f"{self.registered_name}: anchors.strides={tuple(strides)}, and the levels that its heads look at have "
                f"{levels}; give anchors with these, or another neck"
            )

    def evaluator(self, classes):
        return DetectionEvaluator(classes, coverage=self.coverage())

    def targets(self):
        return BoxTargets(self)

    def functions(self, graph, embed=None):
        """embed: where slots.looks is `embedding`, (uint8 [B, h, w, 3], boxes [B, N, 4]) -> unit vectors [B, N, E]."""
        return Stepping(self, graph, embed).functions() if self.slots.count else {}

    def ground_truth(self, sample):
        return {k: sample[k] for k in (*self.label_keys, *OPTIONAL_GROUND_TRUTH) if k in sample}

    def move_labels(self, sample, prepared, geometry):
        """Boxes in graph pixels, cut at the border; those that are left without a proper side go, with their labels."""
        boxes = box_ops.clip(geo.move_boxes(sample["boxes_xyxy"], geometry), self.image_size)
        kept = box_ops.is_proper(boxes)
        per_object = {k: tf.boolean_mask(sample[k], kept) for k in ("labels", "is_crowd", "box_masks") if k in sample}
        return sample | prepared | per_object | {"boxes_xyxy": tf.boolean_mask(boxes, kept)}

    @abc.abstractmethod
    def candidates(self, raw):
        """raw -> boxes_xyxy [B, A, 4] in graph pixels and scores 0..1 [B, A, K] of every class, before suppression."""

    def decode(self, raw, geometry):
        return self.found(*self.candidates(raw), geometry)[0]

    def judged(self, raw, geometry):
        """Also what suppression chose from: `candidates_xyxy` [B, C, 4] in pixels of the original image, their
        `candidate_scores` and `candidate_labels` [B, C], down to half the score that counts; and
        `candidates_graph_xyxy` [B, C, 4], the same boxes in graph pixels, whose overlaps decide.
        """
        return self.decode(raw, geometry) | self.chosen_from(*self.candidates(raw), geometry)

    def chosen_from(self, boxes_xyxy, scores, geometry):
        """What `candidates` gives -> what `judged` adds."""
        clipped = box_ops.clip(boxes_xyxy, self.image_size)
        best = top_candidates(clipped, scores, 2 * CANDIDATES, self.suppression.score_threshold / 2)
        original = box_ops.clip(geo.restore_boxes(best[0], geometry), geometry["image_hw"])
        places = {"candidates_xyxy": original, "candidates_graph_xyxy": best[0]}
        return places | {"candidate_scores": best[1], "candidate_labels": best[2]}

    def found(self, boxes_xyxy, scores, geometry):
        """What `candidates` gives -> (prediction, the candidate 0..A-1 that each detection is, int32 [B, D])."""
        boxes = box_ops.clip(boxes_xyxy, self.image_size)
        rule = self.suppression
        *best, anchor = top_candidates(boxes, scores, CANDIDATES, rule.score_threshold)
        found = nms(*best, rule)
        original = box_ops.clip(geo.restore_boxes(found["boxes_xyxy"], geometry), geometry["image_hw"])
        real = (found["labels"] >= 0)[..., None]
        prediction = {
            "boxes_xyxy": tf.where(real, original, 0.0),
            "scores": found["scores"],
            "labels": found["labels"],
            "count": found["count"],
        } | self.outer(found, geometry)
        return prediction, tf.gather(anchor, found["index"], batch_dims=1)

    def compare(self, reference, other):
        """Boxes and scores are compared before suppression, decisions by how close they were.

        error, the largest of: the distance of a detection of `other` from the nearest candidate of its class that the
        reference chose from (of a plain prediction: its detections); and, of each detection that has no partner in the
        other prediction, by how much a score, an IoU or a corner must have moved for that. A distance is the difference
        of scores or that of corners in parts of the image's longer side, whichever is larger; 1 where there is nothing.
        flip: a detection with a score of at least 0.5 has no partner of its class with an IoU of at least 0.5.
        """
        pairs = [
            _agreement.of_image(*({k: v[i] for k, v in p.items()} for p in (reference, other)), self.suppression)
            for i in range(len(reference["count"]))
        ]
        return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])

    def describe(self, prediction, classes):
        return describing.objects(prediction, classes, self.promise())


def anchor_rows(features, per_cell, width, convolution, name):
    """What a head says of every anchor, Keras tensor [B, A, width].

    features: level -> what its last convolution looks at. per_cell: anchors of a cell, one number a level; levels with
    one number share the convolution. convolution: (channels, name) -> layer.
    """
    last = {n: convolution(n * width, f"{name}_out{n}") for n in sorted(set(per_cell))}
    rows = [
        keras.layers.Reshape((-1, width), name=f"{name}_rows_{level}")(last[count](x))
        for (level, x), count in zip(features.items(), per_cell, strict=True)
    ]
    return keras.layers.Concatenate(axis=1, name=name)(rows)


def padded_ground_truth(sample, most):
    """Truth of one sample for an architecture that assigns in its loss, padded to `most` objects.

    `boxes_xyxy` [G, 4], `labels` int32 [G] and `valid` bool [G]; and `is_crowd` bool [G]. More objects are an error.
    """
    count = tf.shape(sample["labels"])[0]
    line = f"{SAYS} an example has more objects than max_objects={most}; set model.max_objects to"
    tf.debugging.Assert(count <= most, [line, count])  # in a graph it runs before what follows, as tf.function has it
    free = most - tf.minimum(count, most)
    crowd = sample["is_crowd"] if "is_crowd" in sample else tf.zeros([count], bool)
    rows = {"labels": sample["labels"], "valid": tf.ones([count], bool), "is_crowd": crowd}
    padded = {k: tf.ensure_shape(tf.pad(v, [[0, free]]), [most]) for k, v in rows.items()}
    boxes = tf.pad(sample["boxes_xyxy"], [[0, free], [0, 0]])
    return padded | {"boxes_xyxy": tf.ensure_shape(boxes, [most, 4])}


def without_padding(targets):
    """A batch of `padded_ground_truth`, cut to as many objects as its fullest example has; at least one."""
    most = tf.maximum(tf.reduce_max(tf.reduce_sum(tf.cast(targets["valid"], tf.int32), 1)), 1)
    return {k: v[:, :most] for k, v in targets.items()}
