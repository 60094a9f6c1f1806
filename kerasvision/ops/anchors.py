"""Anchors and anchor points: where a head's cells look. numpy, made once when a graph is traced.

A level of stride s over an image of h x w has ceil(h / s) x ceil(w / s) cells, as convolutions with SAME padding make
them. The cell in row i and column j is centered at ((j + 0.5) s, (i + 0.5) s) pixels from the outer corner of the first
pixel. Order: level, row, column, anchor of the cell, so that a head's [B, h, w, K * C] reshapes to [B, h * w * K, C].
"""

import dataclasses
import math

import numpy as np

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import KerasVisionError, UsageError


@plain("anchors")
@dataclasses.dataclass(frozen=True)
class Anchors(Component):
    """Anchor boxes of several levels: Lin et al. 2017, arXiv:1708.02002, section 4.

    strides: pixels, one a level. sizes: square roots of the anchors' areas in pixels, a tuple a level. ratios: height
    over width. Every size goes with every ratio, the ratio changing faster. shapes_wh: widths and heights in pixels, a
    tuple of pairs a level (as `fit_anchors` finds them); if given, they stand in place of sizes and ratios.
    """

    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    sizes: tuple[tuple[float, ...], ...] = tuple(
        tuple(4.0 * s * 2.0 ** (i / 3.0) for i in range(3)) for s in (8, 16, 32, 64, 128)
    )
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    shapes_wh: tuple[tuple[tuple[float, float], ...], ...] = ()

    def __post_init__(self):
        super().__post_init__()
        name, levels = ("shapes_wh", self.shapes_wh) if self.shapes_wh else ("sizes", self.sizes)
        if len(levels) != len(self.strides):
            raise UsageError(
                f"Anchors.{name}: {len(levels)} levels and {len(self.strides)} strides; give one tuple a stride"
            )
        numbers = [*self.strides, *self.ratios, *np.ravel([v for level in levels for v in level])]
        if not numbers or not all(n > 0 for n in numbers):
            raise UsageError(f"Anchors: strides, ratios and {name} are above 0; got {[n for n in numbers if n <= 0]}")

    @property
    def per_cell(self):
        """Number of anchors of a cell, a tuple with one entry a level."""
        return tuple(len(shapes) for shapes in self._shapes())

    def _shapes(self):
        """[K, 2] width and height of each level, float64."""
        if self.shapes_wh:
            return [np.array(level, np.float64) for level in self.shapes_wh]
        return [
            np.array([(size / math.sqrt(r), size * math.sqrt(r)) for size in level for r in self.ratios])
            for level in self.sizes
        ]

    def __call__(self, image_hw):
        """image_hw: (h, w) in pixels -> xyxy, numpy float32 [A, 4], not clipped to the image."""
        boxes = []
        for stride, shapes in zip(self.strides, self._shapes(), strict=True):
            centers = _centers(stride, image_hw)[:, None]
            boxes.append(np.concatenate([centers - shapes / 2.0, centers + shapes / 2.0], -1).reshape(-1, 4))
        return np.concatenate(boxes).astype(np.float32)


def anchor_points(strides, image_hw):
    """Centers of all cells, for anchor-free heads: xy numpy float32 [A, 2], and the stride of each, float32 [A]."""
    centers = [_centers(stride, image_hw) for stride in strides]
    stride_px = np.repeat(np.array(strides, np.float32), [len(c) for c in centers])
    return np.concatenate(centers).astype(np.float32), stride_px


def _centers(stride, image_hw):
    rows, columns = ((np.arange(-(-side // stride)) + 0.5) * stride for side in image_hw)
    return np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)


def shape_iou(boxes_wh, anchors_wh):
    """IoU of every box [N, 2] and anchor [K, 2], all centered at one point -> float64 [N, K]."""
    boxes, anchors = np.asarray(boxes_wh, np.float64)[:, None], np.asarray(anchors_wh, np.float64)[None]
    shared = np.minimum(boxes, anchors).prod(-1)
    return shared / (boxes.prod(-1) + anchors.prod(-1) - shared)


def fit_anchors(boxes_wh, count, seed=0, restarts=5, rounds=100):
    """k-means with the distance 1 - IoU: Redmon and Farhadi 2016, arXiv:1612.08242, section 2, "Dimension Clusters".

    boxes_wh: widths and heights [N, 2] in pixels of the size the graph sees; sides that are not above 0 are left out.
    Starts are drawn as in k-means++ (Arthur and Vassilvitskii 2007). The mean is not the center of this distance, so a
    round may lose: the best round of all restarts is kept. Returns anchors float64 [count, 2] by growing area, and the
    mean best IoU.
    """
    boxes = np.asarray(boxes_wh, np.float32).reshape(-1, 2).astype(np.float64)  # so that different ones are apart
    boxes = boxes[np.isfinite(boxes).all(1) & (boxes > 0).all(1)]
    distinct = len(np.unique(boxes, axis=0))
    if not 1 <= count <= distinct:
        raise KerasVisionError(f"{count} anchors cannot be fitted to {distinct} different box sizes; ask for fewer")
    rng = np.random.default_rng(seed)
    best, found = -1.0, None
    for _ in range(restarts):
        anchors = _start(boxes, count, rng)
        nearest = None
        for _ in range(rounds):
            overlap = shape_iou(boxes, anchors)
            score = overlap.max(1).mean()
            if score > best:
                best, found = score, anchors
            held, nearest = nearest, overlap.argmax(1)
            if held is not None and (held == nearest).all():
                break
            anchors = np.stack(
                [boxes[nearest == k].mean(0) if (nearest == k).any() else anchors[k] for k in range(count)]
            )
    return found[np.argsort(found.prod(1))], float(best)


def _start(boxes, count, rng):
    """Different boxes, each drawn with the squared distance to those before."""
    chosen = [boxes[rng.integers(len(boxes))]]
    while len(chosen) < count:
        distance = (1.0 - shape_iou(boxes, chosen)).min(1) ** 2
        chosen.append(boxes[rng.choice(len(boxes), p=distance / distance.sum())])
    return np.array(chosen)
