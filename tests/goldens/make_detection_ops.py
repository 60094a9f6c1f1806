"""Writes detection_ops.npz: torchvision's answers for box overlaps, losses, suppression, RoIAlign and box coding.

Run where PyTorch and torchvision are, and TensorFlow need not be:  python tests/goldens/make_detection_ops.py
Inputs are stored beside the answers. All boxes are x1, y1, x2, y2.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torchvision import ops
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops.poolers import LevelMapper

RNG = np.random.default_rng(20)
HELD = {}


def keep(name, value):
    """A tensor or array, under this name, as float32 or int32."""
    value = np.asarray(value.detach() if isinstance(value, torch.Tensor) else value)
    HELD[name] = value.astype(np.int32 if value.dtype.kind in "iu" else np.float32)


def boxes(*shape, side=320.0, least=2.0, most=200.0):
    """Boxes whose sides are log-uniform and whose centers are anywhere, so that some leave the image."""
    center = RNG.uniform(0, side, (*shape, 2))
    half = np.exp(RNG.uniform(np.log(least), np.log(most), (*shape, 2))) / 2
    return torch.from_numpy(np.concatenate([center - half, center + half], -1).astype(np.float32))


def overlaps():
    special = [[10, 10, 50, 50], [50, 10, 90, 50], [20, 20, 30, 30], [10, 10, 10.5, 10.25], [-4e3, -4e3, 4e3, 4e3]]
    a = torch.cat([boxes(9), torch.tensor(special, dtype=torch.float32)])
    b = torch.cat([boxes(8), torch.tensor(special, dtype=torch.float32)])
    keep("overlap/a", a)
    keep("overlap/b", b)
    for name, measure in {
        "iou": ops.box_iou,
        "giou": ops.generalized_box_iou,
        "diou": ops.distance_box_iou,
        "ciou": ops.complete_box_iou,
    }.items():
        keep(f"overlap/{name}", measure(a, b))
    predicted, true = boxes(24), boxes(24)
    predicted[:12] = true[:12] + torch.from_numpy(RNG.normal(0, 2, (12, 4)).astype(np.float32))
    predicted[:, 2:] = torch.maximum(predicted[:, 2:], predicted[:, :2] + 1)
    keep("overlap_loss/predicted", predicted)
    keep("overlap_loss/true", true)
    for name, measure in {
        "giou": ops.generalized_box_iou_loss,
        "diou": ops.distance_box_iou_loss,
        "ciou": ops.complete_box_iou_loss,
    }.items():
        leaf = predicted.clone().requires_grad_()
        loss = measure(leaf, true, reduction="none")
        loss.sum().backward()
        keep(f"overlap_loss/{name}", loss)
        keep(f"overlap_loss/{name}_gradient", leaf.grad)


def suppression():
    found, scores = boxes(150, most=120.0), torch.from_numpy(RNG.uniform(0, 1, 150).astype(np.float32))
    labels = torch.from_numpy(RNG.integers(0, 20, 150))
    keep("nms/boxes", found)
    keep("nms/scores", scores)
    keep("nms/labels", labels)
    for threshold in (0.3, 0.5, 0.7):
        keep(f"nms/agnostic_{threshold}", ops.nms(found, scores, threshold))
        keep(f"nms/aware_{threshold}", ops.batched_nms(found, scores, labels % 4, threshold))
        keep(f"nms/many_{threshold}", ops.batched_nms(found, scores, labels, threshold))


def roi_align():
    features = torch.from_numpy(RNG.normal(0, 1, (2, 2, 9, 12)).astype(np.float32))
    rois = boxes(2, 5, side=90.0, least=4.0, most=90.0)
    rois[0, 0], rois[0, 1] = torch.tensor([-60.0, -60, -20, -20]), torch.tensor([40.0, 30, 40, 30])
    rois[1, 0], rois[1, 1] = torch.tensor([0.0, 0, 96, 72]), torch.tensor([90.0, 60, 130, 110])
    keep("roi_align/features", features.permute(0, 2, 3, 1))
    keep("roi_align/boxes", rois)
    for stride, size, samples in ((8, (7, 7), 2), (8, (3, 5), 1), (4, (2, 2), 3), (16, (4, 3), 2)):
        leaf = features.clone().requires_grad_()
        out = ops.roi_align(leaf, list(rois), size, 1.0 / stride, samples, aligned=True)
        out.square().sum().backward()
        name = f"roi_align/{stride}_{size[0]}_{size[1]}_{samples}"
        keep(name, out.reshape(2, 5, 2, *size).permute(0, 1, 3, 4, 2))
        keep(f"{name}_gradient", leaf.grad.permute(0, 2, 3, 1))


def pyramid():
    levels = {k: torch.from_numpy(RNG.normal(0, 1, (2, 2, 48 >> k, 64 >> k)).astype(np.float32)) for k in range(2, 6)}
    rois = boxes(2, 9, side=64.0, least=4.0, most=900.0)
    rois[0, 0] = torch.tensor([0.0, 0, 112, 112])
    rois[0, 1] = torch.tensor([0.0, 0, 224, 224])
    mapped = LevelMapper(2, 5)(list(rois)).reshape(2, 9)
    out = torch.zeros(2, 9, 2, 2, 2)
    for k, level in levels.items():
        keep(f"pyramid/p{k}", level.permute(0, 2, 3, 1))
        every = ops.roi_align(level, list(rois), (2, 2), 2.0**-k, 2, aligned=True).reshape(2, 9, 2, 2, 2)
        out[mapped == k - 2] = every[mapped == k - 2]
    keep("pyramid/boxes", rois)
    keep("pyramid/level", mapped + 2)
    keep("pyramid/out", out.permute(0, 1, 3, 4, 2))


def losses():
    logits = torch.from_numpy(RNG.normal(0, 4, (8, 4)).astype(np.float32))
    hard = torch.from_numpy(RNG.integers(0, 2, (8, 4)).astype(np.float32))
    keep("focal/logits", logits)
    keep("focal/hard", hard)
    keep("focal/soft", hard * 0.7 + 0.1)
    for alpha, gamma in ((0.25, 2.0), (-1, 2.0), (0.5, 1.5), (0.25, 0.5), (0.75, 0.0)):
        for kind in ("hard", "soft") if alpha == 0.25 else ("hard",):
            leaf = logits.clone().requires_grad_()
            loss = ops.sigmoid_focal_loss(leaf, torch.from_numpy(HELD[f"focal/{kind}"]), alpha, gamma)
            loss.sum().backward()
            keep(f"focal/{kind}_{alpha}_{gamma}", loss)
            keep(f"focal/{kind}_{alpha}_{gamma}_gradient", leaf.grad)
    true, predicted = (torch.from_numpy(RNG.normal(0, 1, (20, 4)).astype(np.float32)) for _ in range(2))
    keep("smooth_l1/true", true)
    keep("smooth_l1/predicted", predicted)
    for beta in (0.0, 1.0 / 9.0, 1.0):
        keep(f"smooth_l1/{beta:.3f}", F.smooth_l1_loss(predicted, true, reduction="none", beta=beta))


def coding():
    anchors, true = boxes(30), boxes(30)
    deltas = torch.from_numpy(RNG.normal(0, 3, (30, 4)).astype(np.float32))
    deltas[0] = torch.tensor([0.0, 0, 40, 5])  # above the limit of a decoded side
    keep("coding/anchors", anchors)
    keep("coding/boxes", true)
    keep("coding/deltas", deltas)
    for name, weights in {"ssd": (10.0, 10.0, 5.0, 5.0), "plain": (1.0, 1.0, 1.0, 1.0)}.items():
        coder = BoxCoder(weights)
        keep(f"coding/{name}_encoded", coder.encode_single(true, anchors))
        keep(f"coding/{name}_decoded", coder.decode_single(deltas, anchors))


for part in (overlaps, suppression, roi_align, pyramid, losses, coding):
    part()
np.savez_compressed(pathlib.Path(__file__).with_name("detection_ops.npz"), **HELD)
