"""Volumes' cases: a ball and a bar in noise, voxels that are no cubes, and a tiny instance of every architecture."""

import numpy as np

from kerasvision.core.registry import create
from kerasvision.ops.dense import IGNORE
from tests.contract.case import Case

CLASSES = ("background", "ball", "bar")
SHAPE, SPACING = (8, 16, 16), np.float32([2.0, 1.0, 1.0])
EXPORTS = ("tf_serving", "tflite:float32", "onnx")


def volume_samples():
    """float32 [8, 16, 16, 1], brighter within the ball and darker within the bar; the last plane is not annotated."""
    z, y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip(SHAPE, SPACING, strict=True)), indexing="ij")
    samples = []
    for number in range(4):
        rng = np.random.default_rng(number)
        mask = np.zeros(SHAPE, np.uint8)
        mask[(y > 11) & (y < 14) & (z > 3)] = 2
        mask[np.hypot(np.hypot(z - 6, y - 5), x - 5 - number) < 4] = 1
        volume = np.float32([0.0, 80.0, -60.0])[mask] + rng.normal(0, 10, SHAPE).astype(np.float32)
        mask[-1] = IGNORE
        samples.append({"volume": volume[..., None], "mask": mask, "spacing_mm": SPACING})
    return samples


def labeled_samples():
    """Volumes with a ball or with a bar."""
    samples = []
    for number, sample in enumerate(volume_samples() * 2):
        kept = 1 + number % 2
        volume = np.where((sample["mask"] == kept)[..., None], sample["volume"], 0.1 * sample["volume"])
        samples.append({"volume": volume, "spacing_mm": sample["spacing_mm"], "label": np.int32(kept - 1)})
    return samples


def segmenter(name):
    """The case of any architecture of volume segmentation."""
    fields = {"num_classes": len(CLASSES), "volume_size": SHAPE, "width": 4, "strides": ((1, 2, 2), (2, 2, 2))}
    held = {"overfit": (120, 0.2), "sgd_rate": 0.0005, "replicas_apart": 1e-5, "epochs": 6, "exports": EXPORTS}
    return Case(lambda: create(name, **fields, **_OWN.get(name, {})), volume_samples, CLASSES, **held)


def classifier(name):
    """The case of any architecture of volume classification."""
    fields = {"num_classes": 2, "volume_size": SHAPE, "width": 4, "strides": ((1, 2, 2), (2, 2, 2))}
    held = {"replicas_apart": 1e-5, "sgd_rate": 0.001, "exports": EXPORTS}
    return Case(lambda: create(name, **fields), labeled_samples, CLASSES[1:], **held)


_OWN = {"volume_segmentation/vnet": {"kernel": 3}}
