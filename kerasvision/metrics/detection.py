"""COCO's average precision of boxes and masks, by pycocotools, and what of it depends on class, size, cover and light.

T.-Y. Lin et al., Microsoft COCO: Common Objects in Context, 2014, arXiv:1405.0312; its evaluation: cocodataset.org.
"""

import dataclasses
import functools

import numpy as np
from pycocotools import mask as coco_mask

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.base import Evaluator
from kerasvision.metrics.matching import SIZES, accumulate, matched

_IOUS = {"ap50": 0, "ap75": 5}  # index of IoU 0.50 and 0.75 in pycocotools' 0.50, 0.55, ..., 0.95
# P. Dollar et al., Pedestrian Detection: An Evaluation of the State of the Art, TPAMI 34(4), 2012, section 2.2.1
OCCLUSION = {"none": (0, 0.01), "partial": (0.01, 0.35), "heavy": (0.35, np.inf)}  # hidden part, low <= v < high
ILLUMINATION = {"dark": (-np.inf, -1), "normal": (-1, 0.5), "bright": (0.5, np.inf)}  # EV


@dataclasses.dataclass(frozen=True)
class Example:
    """Ground truth and detections (`found_...`) of one image, numpy: N objects, boxes in pixels.

    is_crowd, ignored: bool [N]; what is ignored is neither missed nor a false alarm when it is found. area_px: [N].
    masks: COCO's run-length encoding of each object, or None. occlusion: hidden part 0..1 [N]. illumination: in EV.
    """

    boxes_xyxy: np.ndarray
    labels: np.ndarray
    is_crowd: np.ndarray
    ignored: np.ndarray
    area_px: np.ndarray
    masks: list | None
    occlusion: np.ndarray | None
    illumination: float | None
    found_xyxy: np.ndarray
    found_labels: np.ndarray
    scores: np.ndarray
    found_masks: list | None


class Detection(Evaluator):
    """Final. `ap`, average precision (mean over IoU 0.50 to 0.95), `ap50`, `ap75`, `ar` (average recall), `ap_small`,
    `ap_medium`, `ap_large` (objects with an area below 32^2, below 96^2, above, in pixels), and `ap/CLASS`; with
    masks=True the same of masks, with `mask_` before.

    prediction: `boxes_xyxy` [B, D, 4] in pixels, `scores`, `labels` [B, D], `count` [B], and for masks `masks`
    [B, D, H, W] in pixels of the image (0 in rows and columns beyond it, which are cut off). ground_truth: `boxes_xyxy`
    [N, 4] and `labels` [N] for each image, as an array with a batch axis or a row of arrays; where it holds them also
    `is_crowd` (matches any number of detections), `is_difficult` (neither counts nor costs, as in VOC), `area_px`
    (else of the mask or the box), `instance_masks` [N, H, W].

    With `occlusion` [N], the hidden part 0..1, in the ground truth of all images also `ap_occlusion_none`, `_partial`
    and `_heavy`: objects of the other bands are ignored, false alarms count in each. With `illumination`, a number in
    EV an image, `ap_illumination_dark`, `_normal` and `_bright`, of the images in each band (bounds: `OCCLUSION`,
    `ILLUMINATION`). Figures without any object are left out; `ap`, `ap50`, `ap75` are 0 then. Raises KerasVisionError
    where boxes or scores are not finite. coverage: a `metrics.covered.BoxCoverage`, whose figures come too, or None.
    """

    draws = True

    def __init__(self, classes, masks=False, coverage=None):
        self.classes = tuple(classes)
        self.examples = []
        self._masks, self._coverage = masks, coverage
        self._held = {}

    @property
    def directions(self):
        figures = ("ap", *_IOUS, "ar", *(f"ap_{size}" for size in SIZES if size))
        names = [f"{prefix}{name}" for prefix in ("", "mask_") for name in figures]
        names += [f"ap_occlusion_{band}" for band in OCCLUSION] + [f"ap_illumination_{band}" for band in ILLUMINATION]
        return dict.fromkeys(names, "max") | (self._coverage.directions if self._coverage else {})

    def update(self, prediction, ground_truth):
        self._held = {}
        if self._coverage:
            self._coverage.update(prediction, ground_truth)
        for number in range(len(prediction["scores"])):
            rows = ({k: v[number] for k, v in part.items()} for part in (prediction, ground_truth))
            self.examples.append(_example(*rows, self._masks))

    def figures(self, examples=None):
        wanted = np.arange(len(self.examples)) if examples is None else np.asarray(examples, int)
        out = self._headline("bbox", "", wanted)
        if self._masks:
            out |= self._headline("segm", "mask_", wanted)
        if self.examples and all(e.occlusion is not None for e in self.examples):
            for band, limits in OCCLUSION.items():
                out[f"ap_occlusion_{band}"] = functools.partial(self._ap, limits, wanted, slice(None))
        if self.examples and all(e.illumination is not None for e in self.examples):
            for band, (low, high) in ILLUMINATION.items():
                inside = np.array([i for i in wanted if low <= self.examples[i].illumination < high], int)
                out[f"ap_illumination_{band}"] = functools.partial(self._ap, None, inside, slice(1))
        return out | (self._coverage.figures(examples) if self._coverage else {})

    def promised_shares(self):
        return self._coverage.promised_shares() if self._coverage else {}

    def draw(self, folder, images):
        """`precision_recall.png` (with masks also `precision_recall_masks.png`) and `errors.png`."""
        from kerasvision.metrics import curves  # which imports matplotlib

        return curves.draw_all(self, folder, images, self._masks)

    def matches(self, kind="bbox", occlusion=None):
        """`Matches` of all examples, made once. kind: "bbox" or "segm"; occlusion: a band, only its objects count."""
        if (kind, occlusion) not in self._held:
            self._held[kind, occlusion] = matched(self.examples, len(self.classes), kind, occlusion)
        return self._held[kind, occlusion]

    def _headline(self, kind, prefix, wanted):
        tables = functools.cache(lambda: self._tables(kind, None, wanted))

        def precision(*places):  # of [T, R, K, A]
            return lambda: _mean(tables()[0][places])

        def defined(*places):
            return lambda: precision(*places)() or 0.0

        out = {f"{prefix}ap": defined(..., 0)}
        out |= {f"{prefix}{name}": defined(index, ..., 0) for name, index in _IOUS.items()}
        out[f"{prefix}ar"] = lambda: _mean(tables()[1][..., 0])
        out |= {f"{prefix}ap_{name}": precision(..., number) for number, name in enumerate(list(SIZES)[1:], 1)}
        return out | {f"{prefix}ap/{name}": precision(..., number, 0) for number, name in enumerate(self.classes)}

    def _ap(self, occlusion, wanted, areas):
        return _mean(self._tables("bbox", occlusion, wanted)[0][..., areas])

    def _tables(self, kind, occlusion, wanted):
        """(precision [T, R, K, A], recall [T, K, A]) of some examples: T IoUs, R recalls; -1 without any object."""
        if not len(wanted):
            sides = (10, 101, len(self.classes), len(SIZES))
            return -np.ones(sides), -np.ones((sides[0], *sides[2:]))
        return accumulate(self.matches(kind, occlusion), wanted)


def _mean(values):
    """Of what is defined, or None."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None


def _example(prediction, ground_truth, masks):
    count = int(prediction["count"])
    found, scores = np.asarray(prediction["boxes_xyxy"], float)[:count], np.asarray(prediction["scores"], float)[:count]
    if not (np.isfinite(found).all() and np.isfinite(scores).all()):
        raise KerasVisionError("a prediction holds boxes or scores that are not finite; the model has diverged")
    boxes = np.asarray(ground_truth["boxes_xyxy"], float).reshape(-1, 4)
    size = len(boxes)

    def row(key, default, dtype):
        return np.asarray(ground_truth[key], dtype).reshape(size) if key in ground_truth else default

    packed = _packed(ground_truth["instance_masks"], size) if masks else None
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) if packed is None else coco_mask.area(packed).astype(float)
    hw = np.asarray(ground_truth["instance_masks"]).shape[1:] if masks else ()
    return Example(
        boxes_xyxy=boxes,
        labels=np.asarray(ground_truth["labels"], int).reshape(size),
        is_crowd=row("is_crowd", np.zeros(size, bool), bool),
        ignored=row("is_difficult", np.zeros(size, bool), bool),
        area_px=row("area_px", area, float),
        masks=packed,
        occlusion=row("occlusion", None, float),
        illumination=float(ground_truth["illumination"]) if "illumination" in ground_truth else None,
        found_xyxy=found.reshape(-1, 4),
        found_labels=np.asarray(prediction["labels"], int)[:count],
        scores=scores,
        found_masks=_packed(prediction["masks"], count, hw) if masks else None,
    )


def _packed(masks, count, hw=()):
    """COCO's RLE of the first `count` masks [N, H, W]. hw: rows and columns that count, when they are known."""
    if not count:
        return []
    h, w = hw if hw and all(hw) else np.asarray(masks).shape[1:]
    return [coco_mask.encode(np.asfortranarray(np.asarray(m)[:h, :w] > 0, np.uint8)) for m in masks[:count]]
