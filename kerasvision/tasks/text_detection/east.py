"""EAST: "EAST: An Efficient and Accurate Scene Text Detector" (Zhou, Yao, Wen, Wang, Zhou, He, Liang 2017,
arXiv:1704.03155), with its geometry of turned rectangles (RBOX).

Differs from the paper: rectangles of the cells of one component are merged, weighed by their scores, in place of
locality-aware suppression over all, since the shrunk parts of neighbors are apart, and a component is found by
operators that files have; before it, corners are numbered as those of the surest cell, so that two turns of 45 degrees,
one to either side, do not cancel. Quads are shrunk as DB's are; scores are learned by cross-entropy with hard negatives
mined in place of a balanced one; distances are exponentials, so that their error is a part of them.
"""

import dataclasses
import math
import typing

import tensorflow as tf

from kerasvision.core.registry import architectures
from kerasvision.losses import binarization, rectangles
from kerasvision.ops import quads as quad_ops
from kerasvision.tasks.text_detection._maps import MapDetection

_CERTAIN = 20.0  # a logit
_FARTHEST = 8.0  # logarithm of cells
_LEAST_PX = 1e-3  # of a distance in targets


@architectures.register("text_detection/east")
@dataclasses.dataclass(frozen=True)
class EAST(MapDetection):
    """Raw: `text` logits [B, h, w, 1]; `sides` [B, h, w, 4], the logarithms of how many cells the center of a cell is
    from the upper, right, lower and left side of its rectangle; `angle` [B, h, w, 1], which becomes the turn pi / 2
    tanh(angle). Targets: `text` 1, 0, or -1 of no account; `sides` in pixels of the graph and `angle` in radians, from
    -pi / 4 to pi / 4, clockwise as seen, both 0 where `text` is not 1. A quad is learned as the smallest rectangle
    around it. Predictions: the four corners that the cells of a component say in the mean.

    geometry_weight, angle_weight: lambda of equations 3 and 8.
    """

    geometry_weight: float = 1.0
    angle_weight: float = 10.0

    moves: typing.ClassVar[bool] = True

    @property
    def heads(self):
        return {"text": 1, "sides": 4, "angle": 1}

    def encode(self, sample):
        distances, moved = self.distances(sample)
        quads = tf.reshape(tf.cast(sample["quads_xy"], tf.float32), [-1, 4, 2])
        text = self.text_map(distances, moved)
        within = tf.where(distances >= moved[:, None], distances, -1.0)
        owner = tf.argmax(tf.pad(within, [[0, 1], [0, 0]], constant_values=-1.0))  # there may be no quad
        held = quad_ops.smallest_rectangles(quads)
        centers, angles, sizes = (tf.gather(tf.pad(v, [[0, 1]] + [[0, 0]] * (len(v.shape) - 1)), owner) for v in held)
        away = self.cell_centers() - centers
        along = away[:, 0] * tf.cos(angles) + away[:, 1] * tf.sin(angles)
        down = away[:, 1] * tf.cos(angles) - away[:, 0] * tf.sin(angles)
        wide, high = sizes[:, 0] / 2.0, sizes[:, 1] / 2.0
        sides = tf.stack([high + down, wide - along, high - down, wide + along], -1)
        return {
            "text": text,
            "sides": tf.where(text > 0.5, tf.reshape(tf.maximum(sides, _LEAST_PX), [*self.map_hw, 4]), 0.0),
            "angle": tf.where(text > 0.5, tf.reshape(angles, [*self.map_hw, 1]), 0.0),
        }

    def loss(self, targets, raw):
        """Equations 3 to 11."""
        there = tf.cast(targets["text"] > 0.5, tf.float32)[..., 0]
        sides, angles = self._geometry(raw)
        weight = self.geometry_weight
        return {
            "text": binarization.mined_cross_entropy(targets["text"], raw["text"]),
            "sides": weight * rectangles.overlap(targets["sides"], sides, there),
            "angle": weight * self.angle_weight * rectangles.turn(targets["angle"][..., 0], angles, there),
        }

    def ideal_raw(self, targets):
        return {
            "text": _CERTAIN * (2.0 * tf.maximum(targets["text"], 0.0) - 1.0),
            "sides": tf.math.log(tf.maximum(targets["sides"], _LEAST_PX) / self.stride),
            "angle": tf.atanh(targets["angle"] / (math.pi / 2.0)),
        }

    def _geometry(self, raw):
        """(distances in pixels [B, h, w, 4], turns in radians [B, h, w])."""
        return self.stride * tf.exp(tf.clip_by_value(raw["sides"], -_FARTHEST, _FARTHEST)), math.pi / 2.0 * tf.tanh(
            raw["angle"][..., 0]
        )

    def quads_of(self, member, probability, raw):
        cells = self.map_hw[0] * self.map_hw[1]
        corners = tf.reshape(self._corners(raw), [-1, cells, 4, 2])
        member = tf.reshape(member, [-1, self.max_quads, cells])
        weights = member * tf.reshape(probability, [-1, 1, cells])
        surest = tf.gather(tf.reshape(corners, [-1, cells, 8]), tf.argmax(weights, -1), batch_dims=1)
        meant = tf.reshape(tf.matmul(member, surest, transpose_a=True), [-1, cells, 4, 2])
        alike = tf.reshape(quad_ops.numbered_as(corners, meant), [-1, cells, 8])
        total = tf.maximum(tf.reduce_sum(weights, -1, keepdims=True), 1e-6)
        mean = tf.matmul(weights / total, alike)
        return quad_ops.longer_first(tf.reshape(mean, [-1, self.max_quads, 4, 2]))

    def _corners(self, raw):
        """[B, h, w, 4, 2]: of each cell's rectangle in graph pixels, clockwise from the upper left one."""
        sides, angles = self._geometry(raw)
        center = tf.reshape(self.cell_centers(), [1, *self.map_hw, 2])
        along = tf.stack([tf.cos(angles), tf.sin(angles)], -1)
        down = tf.stack([-tf.sin(angles), tf.cos(angles)], -1)
        upper, right, lower, left = (sides[..., i : i + 1] for i in range(4))
        ends = ((-left, -upper), (right, -upper), (right, lower), (-left, lower))
        return tf.stack([center + x * along + y * down for x, y in ends], -2)
