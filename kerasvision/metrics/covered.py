"""How often what a model promises of its answers holds: of pixels (Angelopoulos et al. 2022, arXiv:2208.02814, section
3.1) and of boxes (Andeol et al. 2025, arXiv:2505.24038).
"""

import numpy as np

from kerasvision.metrics.base import Evaluator
from kerasvision.ops.dense import IGNORE

PIXEL = 1e-2  # by which a corner may miss: what restoring boxes to the original's pixels rounds


class PixelCoverage(Evaluator):
    """Final. Figures of what each pixel may be.

    coverage: of the pixels of an image that a promise is for, the share whose class may be there, the mean over images
    with such pixels; of each class, coverage/CLASS, and `coverage` is their mean. set_size: the mean number of classes
    that may be at a pixel. classes: names. of: as of `tasks.pixel_sets.PixelSets`. prediction: `may_be` uint8
    [B, ..., K]; ground_truth: `mask` uint8 [...] of each image, 255 where nothing counts.
    """

    def __init__(self, classes, of):
        self._classes, self._of = tuple(classes), of
        self._shares, self._sizes = [], []

    @property
    def directions(self):
        return dict.fromkeys(("coverage", "set_size"), "none")

    def update(self, prediction, ground_truth):
        for sets, mask in zip(prediction["may_be"], ground_truth["mask"], strict=True):
            mask = np.asarray(mask)
            sets, own = sets[tuple(map(slice, mask.shape))][mask != IGNORE], mask[mask != IGNORE]
            holds = sets[np.arange(len(own)), own] > 0
            names = range(len(self._classes))
            groups = {
                "foreground": [own > 0],
                "image": [own >= 0],
                "each_class": [own == k for k in names],
            }[self._of]
            self._shares.append([holds[group].mean() if group.any() else np.nan for group in groups])
            self._sizes.append(sets.sum(1).mean() if len(own) else np.nan)

    def figures(self, examples=None):
        wanted = slice(None) if examples is None else examples
        shares, sizes = np.array(self._shares)[wanted], np.array(self._sizes)[wanted]
        held = [k for k in range(shares.shape[1]) if not np.isnan(shares[:, k]).all()]
        means = {k: float(np.nanmean(shares[:, k])) for k in held}
        out = {
            "coverage": lambda: float(np.mean(list(means.values()))) if means else None,
            "set_size": lambda: None if np.isnan(sizes).all() else float(np.nanmean(sizes)),
        }
        if self._of == "each_class":
            out |= {f"coverage/{self._classes[k]}": lambda k=k: means[k] for k in held}
        return out

    def promised_shares(self):
        names = self._classes if self._of == "each_class" else ("",)
        return dict(zip(names, np.reshape(self._shares, (-1, len(names))).T, strict=True))


class BoxCoverage(Evaluator):
    """Final. Figures of boxes that contain objects.

    coverage: of the objects of an image, the share that is found and contained (`contained`), the mean over images with
    any. kept_boxes: the mean number of boxes kept an image; box_growth: the mean of how many times as large as the
    detection's box the containing one is. least_iou: from which a detection has found an object. prediction: as of
    `metrics.detection.Detection`, with `outer_xyxy` [B, D, 4] and `outer_count` [B]; ground_truth: as there.
    """

    def __init__(self, least_iou):
        self._least_iou = least_iou
        self._shares, self._kept, self._growth = [], [], []

    @property
    def directions(self):
        return dict.fromkeys(("coverage", "kept_boxes", "box_growth"), "none")

    def update(self, prediction, ground_truth):
        for number, count in enumerate(prediction["outer_count"]):
            found = {k: prediction[k][number][:count] for k in ("boxes_xyxy", "labels", "outer_xyxy")}
            objects, labels = counted({k: v[number] for k, v in ground_truth.items()})
            holds = contained(found, objects, labels, self._least_iou)
            self._shares.append(holds.mean() if len(holds) else np.nan)
            self._kept.append(count)
            inner, outer = (_areas(found[k]) for k in ("boxes_xyxy", "outer_xyxy"))
            self._growth.append(np.mean(outer[inner > 0] / inner[inner > 0]) if (inner > 0).any() else np.nan)

    def figures(self, examples=None):
        wanted = slice(None) if examples is None else examples
        shares, kept, growth = (np.array(held, float)[wanted] for held in (self._shares, self._kept, self._growth))
        return {
            "coverage": lambda: None if np.isnan(shares).all() else float(np.nanmean(shares)),
            "kept_boxes": lambda: float(kept.mean()),
            "box_growth": lambda: None if np.isnan(growth).all() else float(np.nanmean(growth)),
        }

    def promised_shares(self):
        return {"": np.array(self._shares, float)}


def counted(ground_truth):
    """(boxes [N, 4], labels [N]) of the objects of one image that count: neither crowds nor difficult ones."""
    boxes = np.asarray(ground_truth["boxes_xyxy"], np.float64).reshape(-1, 4)
    labels = np.asarray(ground_truth["labels"]).reshape(-1)
    left_out = np.zeros(len(labels), bool)
    for key in ("is_crowd", "is_difficult"):
        if key in ground_truth:
            left_out |= np.asarray(ground_truth[key], bool).reshape(-1)
    return boxes[~left_out], labels[~left_out]


def contained(found, objects, labels, least_iou):
    """bool [N]: whether each object is found and contained, by one detection of its class. found: {"boxes_xyxy",
    "labels", "outer_xyxy"}, [D, ...]; objects: [N, 4].
    """
    own = found_by(found["boxes_xyxy"], found["labels"], objects, labels, least_iou)
    inside = np.asarray(found["outer_xyxy"], np.float64).reshape(-1, 1, 4)
    holds = (inside[..., :2] <= objects[..., :2] + PIXEL).all(-1) & (inside[..., 2:] >= objects[..., 2:] - PIXEL).all(
        -1
    )
    return (own & holds).any(0)


def found_by(boxes, names, objects, labels, least_iou):
    """bool [D, N]: which detections have found which objects, of their class and with that IoU. boxes: [D, 4]; names:
    [D], their classes; objects: [N, 4]; labels: [N], theirs.
    """
    boxes, objects = np.asarray(boxes, np.float64).reshape(-1, 1, 4), np.reshape(objects, (1, -1, 4))
    low, high = np.maximum(boxes[..., :2], objects[..., :2]), np.minimum(boxes[..., 2:], objects[..., 2:])
    shared = np.maximum(high - low, 0).prod(-1)
    whole = _areas(boxes) + _areas(objects) - shared
    overlap = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return (overlap >= least_iou) & (np.reshape(names, (-1, 1)) == np.reshape(labels, (1, -1)))


def _areas(boxes):
    return np.maximum(np.asarray(boxes, np.float64)[..., 2:] - boxes[..., :2], 0).prod(-1)
