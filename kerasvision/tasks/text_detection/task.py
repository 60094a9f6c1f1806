"""The contract of text detection: quadrilaterals around lines of text, made of a map of text inside every file."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import SAYS, UsageError
from kerasvision.core.registry import backbones
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.quads import QuadsShowing
from kerasvision.edge import describing
from kerasvision.metrics.quads import Quads
from kerasvision.ops import geometry as geo
from kerasvision.ops import labeling
from kerasvision.ops import quads as quad_ops
from kerasvision.tasks.answering import Output
from kerasvision.tasks.image import ImageArchitecture, Resample, Resize
from kerasvision.tasks.text_detection import _agreement
from kerasvision.tasks.text_detection._targets import QuadTargets


@dataclasses.dataclass(frozen=True)
class TextDetection(ImageArchitecture):
    """Abstract. Raw has `text` logits [B, h / stride, w / stride, 1]: how likely a cell is in the shrunk part of a quad
    of text. Samples have `quads_xy` float32 [N, 4, 2], convex. Predictions: `quads_xy` float32 [B, S, 4, 2] in pixels
    of the original image, beyond its border too, the first corner at the upper left and the others clockwise; `scores`
    float32 [B, S], the mean probability of the cells, and `count` int32 [B]; rows from `count` on are 0.

    image_size: (h, w), multiples of the coarsest stride. stride: pixels that a side of a cell is. shrink: r; a quad is
    learned with its sides moved inwards by D = A (1 - r^2) / L, so that neighbors part. threshold: of a cell, from
    which it is text. score_threshold: of a quad. least_cells: of a component that counts. max_quads: S; of more the
    largest components are kept, each of which becomes a quad (`quads_of`).
    """

    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["efficientnet_lite"]())
    image_size: tuple[int, int] = (320, 320)
    resize: Resize = "letterbox"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)
    stride: int = 2
    shrink: float = 0.4
    threshold: float = 0.3
    score_threshold: float = 0.5
    least_cells: int = 3
    max_quads: int = 64

    name: typing.ClassVar[str] = "text_detection"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("quads_xy",)
    main_metric: typing.ClassVar[str] = "f1"
    gives_places: typing.ClassVar[bool] = True
    moves: typing.ClassVar[bool] = False  # whether corners are numbers of the graph, not of the cells that are text
    showing: typing.ClassVar[Showing] = QuadsShowing()
    after_training: typing.ClassVar[tuple[str, ...]] = ("threshold", "score_threshold", "least_cells", "max_quads")

    def __post_init__(self):
        super().__post_init__()
        wrong = {
            "stride": self.stride not in (1, 2, 4),
            "image_size": any(side % self.stride for side in self.image_size),
            "shrink": not 0 < self.shrink < 1,
            "threshold": not 0 < self.threshold < 1,
            "score_threshold": not 0 <= self.score_threshold <= 1,
            "least_cells": self.least_cells < 1,
            "max_quads": self.max_quads < 1,
        }
        if found := [name for name, is_wrong in wrong.items() if is_wrong]:
            raise UsageError(
                f"{self.registered_name}: {found[0]}={getattr(self, found[0])}; allowed: stride 1, 2 or 4, image_size "
                "multiples of it, shrink and threshold between 0 and 1, score_threshold 0 to 1, least_cells and "
                "max_quads 1 or more"
            )

    @property
    def map_hw(self):
        """(rows, columns) of the map."""
        return tuple(side // self.stride for side in self.image_size)

    @property
    def outputs(self):
        return {
            "quads_xy": Output("float32", "pixel of the original image", (self.max_quads, 4, 2)),
            "scores": Output("float32", "probability", (self.max_quads,)),
            "count": Output("int32", "quadrilaterals"),
        }

    def evaluator(self, classes):
        return Quads()

    def targets(self):
        return QuadTargets(self)

    def move_labels(self, sample, prepared, geometry):
        """Quads in graph pixels; those go of which nothing is inside (`ops.quads.inside_share`)."""
        moved = geo.move_points(sample["quads_xy"], geometry)
        seen = quad_ops.inside_share(moved, tf.constant(self.image_size[::-1], tf.float32)) > 0.0
        return sample | prepared | {"quads_xy": tf.boolean_mask(moved, seen)}

    def cell_centers(self):
        """float32 [h * w, 2], of the map's cells in graph pixels."""
        y, x = ((tf.range(side, dtype=tf.float32) + 0.5) * self.stride for side in self.map_hw)
        return tf.reshape(tf.stack(tf.meshgrid(x, y), -1), [-1, 2])

    def distances(self, sample):
        """(float32 [N, h * w] of cells from the sides of each quad, above 0 inside; [N], by how much it is shrunk)."""
        quads = tf.reshape(tf.cast(sample["quads_xy"], tf.float32), [-1, 4, 2])
        line = f"{SAYS} a quad in quads_xy has no area, crosses itself or is not convex; its corners in graph pixels:"
        convex = quad_ops.is_convex(quads)
        first = tf.boolean_mask(quads, ~convex)[:1]
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(convex), [line, first], summarize=8)]):
            return quad_ops.distances(quads, self.cell_centers()), quad_ops.shrinking(quads, self.shrink)

    def text_map(self, distances, moved):
        """float32 [h, w, 1]: 1 in the shrunk part of a quad, 0 elsewhere; -1 inside of one that is too thin for a cell
        of its shrunk part, which is not learned. Arguments: of `distances`.
        """
        shrunk = distances >= moved[:, None]
        thin = ~tf.reduce_any(shrunk, 1, keepdims=True) & (distances > 0.0)
        values = tf.where(tf.reduce_any(thin, 0), -1.0, 0.0)
        return tf.reshape(tf.where(tf.reduce_any(shrunk, 0), 1.0, values), [*self.map_hw, 1])

    def decode(self, raw, geometry):
        found = self.found(tf.sigmoid(raw["text"][..., 0]), raw)
        quads = geo.restore_points(found["quads_xy"], geometry)
        return found | {"quads_xy": tf.where(found["scores"][..., None, None] > 0.0, quads, 0.0)}

    def found(self, probability, raw=None):
        """float32 [B, h, w], and what else the graph says -> the prediction in graph pixels."""
        counts, scores, member = self.counting(probability)
        quads = self.quads_of(member, probability, raw)
        free = tf.range(self.max_quads, 0, -1, dtype=tf.float32)
        order = tf.math.top_k(tf.where(counts, free, 0.0), self.max_quads).indices  # those that count, in their order
        count = tf.reduce_sum(tf.cast(counts, tf.int32), 1)
        real = tf.range(self.max_quads)[None] < count[:, None]
        return {
            "quads_xy": tf.where(real[..., None, None], tf.gather(quads, order, batch_dims=1), 0.0),
            "scores": tf.where(real, tf.gather(scores, order, batch_dims=1), 0.0),
            "count": count,
        }

    def counting(self, probability):
        """(bool [B, S]: which become quads; scores [B, S]; cells [B, S, h, w], 0 or 1) of the largest components."""
        labels = labeling.label(probability >= self.threshold)
        numbers, sizes = labeling.largest(labels, self.max_quads)
        member = tf.equal(labels[:, None], numbers[..., None, None]) & (numbers > 0.0)[..., None, None]
        member = tf.cast(member, tf.float32)
        scores = tf.reduce_sum(member * probability[:, None], [2, 3]) / tf.maximum(sizes, 1.0)
        return (sizes >= self.least_cells) & (scores >= self.score_threshold), scores, member

    def judged(self, raw, geometry):
        """Also `probability` [B, h, w] of each cell, and `cells_xy` [B, h * w, 2], the centers of cells in pixels of
        the original image.
        """
        centers = geo.restore_points(tf.tile(self.cell_centers()[None], [tf.shape(raw["text"])[0], 1, 1]), geometry)
        return self.decode(raw, geometry) | {"probability": tf.sigmoid(raw["text"][..., 0]), "cells_xy": centers}

    def compare(self, reference, other):
        """error: by how much a probability of the reference must have moved for each quad of one that the other does
        not have (the least distance from `threshold` of a cell around it, of its score from `score_threshold`), and
        the largest difference of two scores of one quad. Of plain predictions, without what `judged` adds, 1 for a quad
        without a partner. Where corners are numbers of the graph (`moves`), partners differ by how far their corners
        are apart, in parts of the image's longer side. flip: a quad of either has no partner with an IoU of 0.5 or
        more.
        """
        return _agreement.compare(self, reference, other)

    def describe(self, prediction, classes):
        return describing.quads(prediction)

    def file_outputs(self):
        row = Output("float32", "pixel of the prepared image", self.outputs["quads_xy"].shape)
        return self.outputs | {"quads_xy": row}

    def restoring(self):
        """corner of the original = (corner - offset_xy) / scale_xy, not cut."""
        return {"rule": "quads", "keys": {key: key for key in self.outputs}, "format": "xy_pixels"}

    def to_original_pixels(self, prediction, geometry):
        quads = geo.restore_points(tf.constant(prediction["quads_xy"], tf.float32), geometry).numpy()
        real = np.arange(self.max_quads)[None] < np.reshape(prediction["count"], (-1, 1))
        return prediction | {"quads_xy": np.where(real[..., None, None], quads, np.float32(0))}

    @abc.abstractmethod
    def quads_of(self, member, probability, raw):
        """float32 [B, S, 4, 2], in graph pixels, clockwise from the corner where the longer side begins that goes to
        the right. member: [B, S, h, w], the cells of each component, 0 or 1. probability: [B, h, w].
        """

    @abc.abstractmethod
    def build(self):
        """A graph of `image` float [B, h, w, 3] whose raw outputs have `text`."""
