"""Semantic segmentation's cases: windows of photographs on a page, and a tiny instance of every architecture."""

import numpy as np

from kerasvision.core.registry import create
from kerasvision.ops.dense import IGNORE
from tests.contract.case import PHOTOGRAPHS, Case, crops

CLASSES = ("background", *PHOTOGRAPHS)
SIDE = 64


def mask_samples():
    """One or two round windows of photographs on a gray page of the graph's size; the last rows are not annotated."""
    samples = []
    for number in range(4):
        page, mask = np.full((SIDE, SIDE, 3), 128, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
        y, x = np.mgrid[:26, :26] - 12.5
        inside = np.hypot(y, x) <= 12.5
        for k, (top, left) in enumerate([(4, 6 + 8 * number), (32, 30 - 8 * number)][: 1 + number % 2]):
            window, label = crops()[(2 * number + 3 * k) % len(crops())]
            page[top : top + 26, left : left + 26][inside] = window[:26, :26][inside]
            mask[top : top + 26, left : left + 26][inside] = 1 + label
        mask[-4:] = IGNORE
        samples.append({"image": page, "mask": mask})
    return samples


def _make(name):
    """A backbone with levels c1 to c3, of 8 to 32 channels."""
    backbone = create("backbones/convnet", width=8, blocks=(1, 1, 1), stem_stride=2)
    fields = {"num_classes": len(CLASSES), "image_size": (SIDE, SIDE), "backbone": backbone}
    return lambda: create(name, **fields, **_OWN.get(name, {}))


_OWN = {
    "semantic_segmentation/unet": {"width": 4},
    "semantic_segmentation/attention_unet": {"width": 4},
    "semantic_segmentation/deeplabv3plus": {
        "output_stride": 8,
        "low_stride": 2,
        "rates": (2, 4),
        "low_width": 8,
        "width": 16,
        "dropout": 0.0,
    },
    "semantic_segmentation/fpn": {"neck": create("necks/fpn", width=16, first=1, last=3), "width": 16},
}


def default(name):
    """The case of any architecture of this family: its own defaults where nothing else is said."""
    exports = ("tf_serving", "tflite:float32", "tflite:int8", "onnx")
    # the largest error of 4,096 pixels, at the border of two classes
    held = {
        "int8_error": 0.2,
        "overfit": (150, 0.2),
        "sgd_rate": 0.0005,
        "replicas_apart": 1e-5,
        "epochs": 10,
        "exports": exports,
    }
    return Case(_make(name), mask_samples, CLASSES, **held)


CASES = {name: default(name) for name in _OWN}
