"""Instances is Detection with masks, of masks that are pasted from the frames of their boxes."""

import numpy as np
import pytest

from kerasvision.metrics.detection import Detection
from kerasvision.metrics.instances import Instances
from kerasvision.ops.masks import paste_masks

HW = (50, 70)


def scenes(seed):
    """(prediction, ground_truth, the same prediction with pasted masks) of three images, the last without objects."""
    rng = np.random.default_rng(seed)
    count, most, side = np.array([4, 2, 1], np.int32), 5, 14
    origin = rng.uniform(0, 30, (3, most, 2))
    boxes = np.concatenate([origin, origin + rng.uniform(5, 20, origin.shape)], -1).astype(np.float32)
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    masks = np.stack([1 / (1 + np.exp(8 * (np.hypot(x, y) - r))) for r in rng.uniform(0.7, 1.2, 3 * most)])
    prediction = {
        "boxes_xyxy": boxes,
        "scores": -np.sort(-rng.uniform(0.1, 1, (3, most)).astype(np.float32)),
        "labels": rng.integers(0, 2, (3, most)).astype(np.int32),
        "count": count,
        "masks": masks.reshape(3, most, side, side).astype(np.float32),
        "image_hw": np.tile(HW, [3, 1]).astype(np.int32),
    }
    pasted = np.stack([paste_masks(m, b, HW) for m, b in zip(prediction["masks"], boxes, strict=True)])
    ground_truth = {k: np.empty(3, object) for k in ("boxes_xyxy", "labels", "instance_masks")}
    for i, n in enumerate((3, 2, 0)):
        ground_truth["boxes_xyxy"][i] = boxes[i, :n] + rng.uniform(-1, 1, (n, 4)).astype(np.float32)
        ground_truth["labels"][i] = prediction["labels"][i, :n]
        ground_truth["instance_masks"][i] = pasted[i, :n].astype(np.uint8)
    return prediction, ground_truth, prediction | {"masks": pasted}


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_pasted_masks(seed):
    prediction, ground_truth, pasted = scenes(seed)
    seen, whole = Instances(("a", "b")), Detection(("a", "b"), masks=True)
    seen.update(prediction, ground_truth)
    whole.update(pasted, ground_truth)
    assert seen.result() == whole.result()
    assert seen.result([0, 2]) == whole.result([0, 2])
    assert 0 < seen.result()["mask_ap"] <= 1


def test_the_masks_decide():
    """Right boxes with empty masks find nothing."""
    prediction, ground_truth, _ = scenes(0)
    seen = Instances(("a", "b"))
    seen.update(prediction | {"masks": np.zeros_like(prediction["masks"])}, ground_truth)
    assert seen.result()["mask_ap50"] == 0 < seen.result()["ap50"]
