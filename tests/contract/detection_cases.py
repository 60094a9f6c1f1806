"""Detection's cases: windows of photographs pasted on a page, and a tiny instance of every detector."""

import numpy as np

from kerasvision.core.registry import create
from kerasvision.ops.anchors import Anchors
from tests.contract.case import PHOTOGRAPHS, Case, crops


def detection_samples():
    """One to three windows of photographs pasted on a gray page, with their boxes; one page is empty."""
    samples = []
    for number, count in enumerate((1, 2, 3, 0)):
        page = np.full((60 + 8 * number, 64, 3), 128, np.uint8)
        boxes, labels = [], []
        for k in range(count):
            window, label = crops()[(2 * number + 2 * k + 1) % len(crops())]
            side, y, x = ((30, 28, 32), (18, 4, 40), (12, 6, 6))[k]
            page[y : y + side, x : x + side] = window[:side, :side]
            boxes.append((x, y, x + side, y + side))
            labels.append(label)
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        samples.append({"image": page, "boxes_xyxy": boxes, "labels": np.array(labels, np.int32)})
    return samples


def instance_samples():
    """`detection_samples` with masks: each window's ellipse."""
    samples = []
    for sample in detection_samples():
        h, w = sample["image"].shape[:2]
        y, x = np.mgrid[:h, :w] + 0.5
        masks = np.zeros((len(sample["labels"]), h, w), np.uint8)
        for mask, (x1, y1, x2, y2) in zip(masks, sample["boxes_xyxy"], strict=True):
            mask[((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2 <= 1] = 1
        samples.append(sample | {"instance_masks": masks})
    return samples


def _retinanet():
    return create(
        "detection/retinanet",
        num_classes=4,
        image_size=(64, 64),
        backbone=create("backbones/convnet", width=8, blocks=(1, 1, 1), stem_stride=2),
        neck=create("necks/fpn", width=16, first=2, last=4),
        anchors=Anchors(strides=(4, 8, 16), sizes=((12.0,), (18.0,), (30.0,)), ratios=(1.0,)),
        head_width=16,
        head_depth=1,
    )


def _yolo():
    return create(
        "detection/yolo",
        num_classes=4,
        image_size=(64, 64),
        backbone=create("backbones/convnet", width=8, blocks=(1, 1, 1), stem_stride=2),
        neck=create("necks/pan", width=16, first=2, last=3),
        bins=6,
        head_width=16,
        head_depth=1,
        max_objects=8,
    )


def _ssd():
    return create(
        "detection/ssd",
        num_classes=4,
        image_size=(64, 64),
        backbone=create("backbones/convnet", width=8, blocks=(1, 1, 1), stem_stride=2),
        anchors=Anchors(strides=(4, 8, 16), sizes=((12.0,), (18.0,), (30.0,)), ratios=(1.0,)),
        width=16,
        extra_width=16,
    )


TWO_STAGE = {
    "num_classes": 4,
    "image_size": (64, 64),
    "anchors": Anchors(strides=(4, 8, 16), sizes=((12.0,), (18.0,), (30.0,)), ratios=(1.0,)),
    "proposals": 40,
    "proposal_candidates": 200,
    "region_side": 3,
    "head_width": 32,
    "max_objects": 8,
}


def _two_stage(name):
    backbone = create("backbones/convnet", width=8, blocks=(1, 1, 1), stem_stride=2)
    neck = create("necks/fpn", width=16, first=2, last=4, coarse="pool")
    masks = {"mask_side": 14, "mask_width": 8, "mask_depth": 1, "proposals": 16} if "mask" in name else {}
    return lambda: create(name, backbone=backbone, neck=neck, **TWO_STAGE | masks)


ASSIGNS = "the assignment depends on what the head predicts at that moment"

FLOAT = ("tf_serving", "tflite:float32", "onnx")
MEDIAPIPE = "mediapipe:float32"


def _case(make, overfit, exports, samples=detection_samples, assigns_in_loss="", least_loss=1e-3, sgd_rate=2e-4):
    """sgd_rate: one at which weights move by some 0.002; at a larger one ReLUs that cross zero part two runs."""
    return Case(
        make,
        samples,
        PHOTOGRAPHS,
        assigns_in_loss=assigns_in_loss,
        overfit=(150, overfit),
        sgd_rate=sgd_rate,
        replicas_apart=1e-5,
        epochs=20,
        exports=exports,
        least_loss=least_loss,
    )


CASES = {
    "detection/faster_rcnn": _case(
        _two_stage("detection/faster_rcnn"), 0.2, (*FLOAT, "tflite:int8", MEDIAPIPE), assigns_in_loss=ASSIGNS
    ),
    "detection/retinanet": _case(_retinanet, 0.1, (*FLOAT, "tflite:int8", MEDIAPIPE)),
    "detection/ssd": _case(_ssd, 0.1, (*FLOAT, "tflite:int8"), sgd_rate=5e-5),
    # a distance between two bins costs up to ln 2 whatever is said
    "detection/yolo": _case(
        _yolo, 0.2, (*FLOAT, "tflite:int8", MEDIAPIPE), assigns_in_loss=ASSIGNS, least_loss=1.5 * 0.6932, sgd_rate=5e-5
    ),
    "instance_segmentation/mask_rcnn": _case(
        _two_stage("instance_segmentation/mask_rcnn"), 0.3, FLOAT, instance_samples, ASSIGNS, least_loss=0.1
    ),
}


def default(name):
    """The case of a detector that is not listed: its own defaults, small."""
    small = {"num_classes": 4, "image_size": (64, 64)}
    backbone = {"width": 4, "blocks": (0, 1, 1, 1, 1), "stem_stride": 2}

    def make():
        return create(name, **small, backbone=create("backbones/convnet", **backbone))

    return _case(make, 0.1, (*FLOAT, "tflite:int8"))
