"""Detections matched with objects, and precision and recall of the matches, by pycocotools (arXiv:1405.0312)."""

import contextlib
import copy
import dataclasses
import io

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

MOST = 100  # detections of an image that count, those with the largest scores
_EVERY = (0, 1e10)
SIZES = {"": _EVERY, "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}  # area, pixels


@dataclasses.dataclass(frozen=True)
class Matches:
    """What pycocotools has matched. table: object array [K, A, I] of classes, ranges of area and images, each an entry
    of its `evalImgs` or None; params: its `Params`.
    """

    table: np.ndarray
    params: object


def matched(examples, classes, kind, occlusion):
    """`Matches` of every image, class and range of area in `SIZES`.

    examples: [`metrics.detection.Example`]. classes: how many. kind: "bbox" or "segm", what the IoU is of. occlusion:
    (low, high), the objects outside of which are ignored, with all areas as one range; None: all count.
    """
    ground_truths, found = [], []
    for image, example in enumerate(examples):
        ignored = example.ignored
        if occlusion:
            ignored = ignored | (example.occlusion < occlusion[0]) | (example.occlusion >= occlusion[1])
        # pycocotools ignores what lies outside the range of area, and overwrites any other mark
        areas = np.where(ignored, -1.0, example.area_px)
        rows = zip(example.boxes_xyxy, example.labels, areas, example.is_crowd, strict=True)
        for number, (box, label, area, crowd) in enumerate(rows):
            row = _row(len(ground_truths) + 1, image, label, box, example.masks, number)
            ground_truths.append(row | {"area": area, "iscrowd": int(crowd)})
        rows = zip(example.found_xyxy, example.found_labels, example.scores, strict=True)
        for number, (box, label, score) in enumerate(rows):
            row = _row(len(found) + 1, image, label, box, example.found_masks, number)
            size = row["bbox"][2] * row["bbox"][3] if kind == "bbox" else float(coco_mask.area(row["segmentation"]))
            found.append(row | {"area": size, "iscrowd": 0, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        done = COCOeval(*(_index(rows, len(examples), classes) for rows in (ground_truths, found)), iouType=kind)
        done.params.maxDets = [MOST]
        done.params.areaRng = [list(limits) for limits in ([_EVERY] if occlusion else SIZES.values())]
        done.params.areaRngLbl = ["all"] if occlusion else ["all", *list(SIZES)[1:]]
        done.evaluate()
    table = np.empty(len(done.evalImgs), object)
    table[:] = done.evalImgs
    return Matches(table.reshape(classes, len(done.params.areaRng), len(examples)), done.params)


def _row(number, image, label, box, masks, index):
    x1, y1, x2, y2 = (float(v) for v in box)
    row = {"id": number, "image_id": image, "category_id": int(label)}
    row["bbox"] = [x1, y1, max(0.0, x2 - x1), max(0.0, y2 - y1)]
    return row | ({} if masks is None else {"segmentation": masks[index]})


def _index(rows, images, classes):
    held = COCO()
    held.dataset = {
        "images": [{"id": i, "height": 0, "width": 0} for i in range(images)],
        "categories": [{"id": k} for k in range(classes)],
        "annotations": rows,
    }
    held.createIndex()
    return held


def accumulate(matches, images):
    """(precision [T, R, K, A], recall [T, K, A]) of some images: T IoUs, R recalls, K classes, A ranges of area; -1
    where there is no object. images: their indices, int [N].
    """
    part = COCOeval(iouType="bbox")
    part.params = copy.copy(matches.params)
    part.params.imgIds = list(range(len(images)))
    part._paramsEval = part.params
    part.evalImgs = matches.table[..., images].ravel().tolist()
    with contextlib.redirect_stdout(io.StringIO()):
        part.accumulate()
    return part.eval["precision"][..., 0], part.eval["recall"][..., 0]
