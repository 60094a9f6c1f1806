"""encode -> perfect raw -> decode gives random scenes back, whatever the detector."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.registry import architectures, create
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.masks import paste_masks

DETECTORS = architectures.names("detection/*")
CLASSES = 5
IMAGE_HW = (360, 480)  # letterboxed to 240 x 320: graph pixels are 1.5 original ones


def scene(kind, rng):
    """float32 boxes [N, 4] in original pixels and labels [N]; of one class none overlap by an IoU of 0.4."""
    h, w = IMAGE_HW
    if kind == "tiny":  # two to nine pixels
        sides = rng.uniform(2, 9, (12, 2))
    elif kind == "huge":
        sides = np.array([[w, h], [0.9 * w, 0.5 * h], [0.4 * w, h - 1.0]])
    else:
        sides = np.exp(rng.uniform(np.log(6), np.log(280), (14, 2)))
    origin = rng.uniform(0, 1, sides.shape) * (np.array([w, h]) - sides)
    boxes = np.concatenate([origin, origin + sides], 1)
    if kind == "touching":  # a row of boxes that share their sides
        edges = np.linspace(30, 450, 8)
        boxes = np.stack([edges[:-1], np.full(7, 100.0), edges[1:], rng.uniform(130, 260, 7)], 1)
    labels = rng.integers(0, CLASSES, len(boxes))
    boxes, kept = boxes.astype(np.float32), []
    for i, box in enumerate(boxes):
        same = [j for j in kept if labels[j] == labels[i]]
        if not same or box_ops.pairwise_iou(box[None], boxes[same]).numpy().max() < 0.4:
            kept.append(i)
    return boxes[kept], labels[kept].astype(np.int32)


def oracle(arch, sample):
    """What a perfect graph's answer is decoded to, without batch axis."""
    _, geometry, moved = arch.prepare_sample({k: tf.constant(v) for k, v in sample.items()})
    targets = {k: tf.convert_to_tensor(v)[None] for k, v in arch.encode(moved).items()}
    found = arch.decode(arch.ideal_raw(targets), {k: v[None] for k, v in geometry.items()})
    return {k: v[0].numpy() for k, v in found.items()}


def check_found(found, boxes, labels):
    """Every truth once, its corners within 1e-3 pixels, and nothing else."""
    count = found["count"]
    away = np.abs(found["boxes_xyxy"][:count, None] - boxes[None]).max(-1)  # [D, N]
    away = np.where(found["labels"][:count, None] == labels[None], away, np.inf)
    assert (away.min(0) < 1e-3).all(), f"truths are lost: {boxes[away.min(0) >= 1e-3]}, {np.sort(away.min(0))[-3:]}"
    assert sorted(away.argmin(0)) == list(range(count)), "a detection too many"
    assert (found["scores"][:count] > 0.99).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["any", "tiny", "huge", "touching"])
@pytest.mark.parametrize("name", DETECTORS)
def test_a_perfect_graph_gives_the_scene_back(name, kind, seed):
    boxes, labels = scene(kind, np.random.default_rng(seed))
    assert len(boxes) >= 2
    sample = {"image": np.zeros((*IMAGE_HW, 3), np.uint8), "boxes_xyxy": boxes, "labels": labels}
    check_found(oracle(create(name, num_classes=CLASSES), sample), boxes, labels)


def blobs(boxes, rng):
    """uint8 masks [N, H, W]: an ellipse in each box, cut on one side."""
    y, x = np.mgrid[: IMAGE_HW[0], : IMAGE_HW[1]] + 0.5
    masks = []
    for x1, y1, x2, y2 in boxes:
        u, v = (2 * x - x1 - x2) / (x2 - x1), (2 * y - y1 - y2) / (y2 - y1)
        masks.append((u**2 + v**2 <= 1) & (u + 0.8 * v * rng.uniform(-1, 1) < 0.7))
    return np.array(masks, np.uint8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["any", "tiny", "huge", "touching"])
def test_a_perfect_graph_gives_the_masks_back(kind, seed):
    """Boxes within 2 px, masks with an IoU of at least 0.9; of objects that have ten pixels at all."""
    rng = np.random.default_rng(seed)
    boxes, labels = scene(kind, rng)
    masks = blobs(boxes, rng)
    sample = {"image": np.zeros((*IMAGE_HW, 3), np.uint8), "boxes_xyxy": boxes, "labels": labels}
    found = oracle(create("instance_segmentation/mask_rcnn", num_classes=CLASSES), sample | {"instance_masks": masks})
    check_found(found, boxes, labels)
    count = found["count"]
    pasted = paste_masks(found["masks"][:count], found["boxes_xyxy"][:count], found["image_hw"])
    assert found["image_hw"].tolist() == list(IMAGE_HW)
    for box, mask in zip(boxes, masks.astype(bool), strict=True):
        nearest = np.abs(found["boxes_xyxy"][:count] - box).max(1).argmin()
        overlap = (pasted[nearest] & mask).sum() / max(1, (pasted[nearest] | mask).sum())
        assert mask.sum() < 10 or overlap >= 0.9, f"{box}: {mask.sum()} pixels, IoU {overlap:.3f}"


def test_masks_stay_in_place_where_boxes_are_cut_at_the_photograph_s_border():
    """A region that reaches 4 px into the gray above a letterboxed photograph; its mask is its lower half."""
    arch = create("instance_segmentation/mask_rcnn", num_classes=2, image_size=(64, 64), resize="letterbox")
    _, geometry = arch.geometry({"image": tf.zeros([1, 32, 64, 3], tf.uint8)})  # in rows 16 to 48 of the graph
    region, side = np.array([10, 12, 40, 36], np.float32), 2 * arch.mask_side
    boxes = np.zeros((1, arch.proposals, 4), np.float32)
    boxes[0, 0] = region
    classes = np.zeros((1, arch.proposals, 3), np.float32)
    classes[0, 0, 2] = 20.0
    masks = np.full((1, arch.proposals, side, side, 2), -20.0, np.float32)
    masks[0, 0, side // 2 :] = 20.0
    raw = {"proposals_xyxy": boxes, "deltas": np.zeros_like(boxes), "classes": classes, "masks": masks}
    raw = {k: tf.constant(v) for k, v in raw.items()}
    inside = {k: v.numpy() for k, v in arch.decode(raw, geometry).items()}
    fixed = {k: v.numpy() for k, v in arch.decode(raw, arch.no_geometry({"image": tf.zeros([1, 64, 64, 3])})).items()}
    outside = arch.to_original_pixels(fixed, {k: v.numpy() for k, v in geometry.items()})
    for found in (inside, outside):  # a SavedModel's answer, and that of a file of the graph's own size
        assert found["count"] == 1
        np.testing.assert_allclose(found["boxes_xyxy"][0, 0], [10, 0, 40, 20], atol=1e-4)
        pasted = paste_masks(found["masks"][0, :1], found["boxes_xyxy"][0, :1], found["image_hw"][0])[0]
        expected = np.zeros((32, 64), bool)
        expected[8:20, 10:40] = True
        assert (pasted & expected).sum() / (pasted | expected).sum() > 0.95
