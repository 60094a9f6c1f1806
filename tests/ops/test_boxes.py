"""Boxes against torchvision's stored answers, the papers' formulas in float64 numpy, and each other's inverse."""

import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops import boxes as ops

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "goldens" / "detection_ops.npz")
MEASURES = {"iou": ops.iou, "giou": ops.giou, "diou": ops.diou, "ciou": ops.ciou}


def drawn(count, seed=0, least=0.01, most=3000.0):
    """Boxes of log-uniform sides, some of them far outside of a 320 px image."""
    rng = np.random.default_rng(seed)
    center, side = rng.uniform(-50, 370, (count, 2)), np.exp(rng.uniform(np.log(least), np.log(most), (count, 2)))
    return np.concatenate([center - side / 2, center + side / 2], -1).astype(np.float32)


ODD = np.array(
    [
        [10, 10, 20, 20],
        [20, 10, 30, 20],  # touches the first
        [15, 15, 15, 15],  # a point
        [10, 15, 20, 15],  # a line
        [20, 20, 10, 10],  # reversed
        [20, 10, 10, 20],  # reversed in x
        [0, 0, 0, 0],
        [-1e9, -1e9, 1e9, 1e9],
        [12, 12, 12.00005, 12.00005],  # below what float32 resolves
        [300, 300, 300.25, 300.5],
    ],
    np.float32,
)


def measured(kind, a, b):
    """The papers' formulas for one pair, in float64."""
    a, b = np.float64(a), np.float64(b)
    width, height = max(min(a[2], b[2]) - max(a[0], b[0]), 0), max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    iou = width * height / (sum(areas) - width * height)
    hull_w, hull_h = max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])
    if kind == "iou":
        return iou
    if kind == "giou":
        return iou - (hull_w * hull_h - (sum(areas) - width * height)) / (hull_w * hull_h)
    centers = [((x[0] + x[2]) / 2, (x[1] + x[3]) / 2) for x in (a, b)]
    diou = iou - math.dist(*centers) ** 2 / (hull_w**2 + hull_h**2)
    if kind == "diou":
        return diou
    angles = [math.atan((x[2] - x[0]) / (x[3] - x[1])) for x in (a, b)]
    v = 4 / math.pi**2 * (angles[1] - angles[0]) ** 2
    return diou - (v**2 / (1 - iou + v) if v else 0.0)


@pytest.mark.parametrize("kind", MEASURES)
def test_pairwise_overlap_is_torchvision_s(kind):
    seen = ops.pairwise(MEASURES[kind], GOLDEN["overlap/a"], GOLDEN["overlap/b"])
    np.testing.assert_allclose(seen, GOLDEN[f"overlap/{kind}"], atol=3e-6)


@pytest.mark.parametrize("kind", MEASURES)
def test_aligned_overlap_is_the_formula(kind):
    a, b = drawn(300, 1), drawn(300, 2)
    b[:150] = a[:150] + np.random.default_rng(3).normal(0, 0.1, (150, 4)) * (a[:150, 2:] - a[:150, :2])[:, [0, 1, 0, 1]]
    expected = [measured(kind, x, y) for x, y in zip(a, b, strict=True)]
    # a side of 0.01 px at 370 px is known to 3e-5 px, so to 3e-3 of itself; most are much larger
    wrong = np.abs(MEASURES[kind](a, b).numpy() - expected)
    sharp = (a[:, 2:] - a[:, :2]).min(1) > 1.0
    assert wrong[sharp].max() < 2e-4 and wrong.max() < 2e-2
    assert sharp.sum() > 100


def test_pairwise_broadcasts_over_images():
    a, b = drawn(5), drawn(8, 1).reshape(2, 4, 4)
    seen = ops.pairwise_iou(a, b).numpy()
    assert seen.shape == (2, 5, 4)
    for i in range(2):
        np.testing.assert_array_equal(seen[i], ops.pairwise_iou(a, b[i]))


@pytest.mark.parametrize("kind", MEASURES)
def test_odd_boxes_give_finite_values_and_gradients(kind):
    a, b = (tf.constant(x.reshape(-1, 4)) for x in np.broadcast_arrays(ODD[:, None], ODD[None]))
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        seen = MEASURES[kind](a, b)
    gradients = tape.gradient(seen, [a, b])
    assert np.isfinite(seen).all() and all(np.isfinite(g).all() for g in gradients)
    lowest = {"iou": 0.0, "giou": -1.0, "diou": -1.0, "ciou": -2.0}[kind]
    assert seen.numpy().min() >= lowest - 1e-6 and seen.numpy().max() <= 1 + 1e-6


def test_odd_boxes_overlap_nothing():
    seen = ops.pairwise_iou(ODD, ODD).numpy()
    assert (seen[2:7] == 0).all() and (seen[:, 2:7] == 0).all()
    assert seen[0, 1] == 0  # touching is not overlapping
    np.testing.assert_allclose(np.diag(seen)[[0, 1, 7, 9]], 1.0)
    np.testing.assert_array_equal(ops.area(ODD)[2:7], 0)
    np.testing.assert_allclose(seen, seen.T, atol=1e-7)


def test_disjoint_boxes_still_pull_at_each_other():
    """What GIoU, DIoU and CIoU are for: IoU has no gradient there."""
    a, b = tf.constant([[0.0, 0, 10, 10]]), tf.constant([[40.0, 0, 50, 10]])
    for kind, measure in MEASURES.items():
        with tf.GradientTape() as tape:
            tape.watch(a)
            seen = measure(a, b)
        pull = tape.gradient(seen, a).numpy()[0]
        assert (pull == 0).all() if kind == "iou" else pull[0] + pull[2] > 1e-3


def test_coverage_is_the_part_inside():
    a = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [5, 5, 5, 5]], np.float32)
    b = np.array([[5, 0, 30, 10], [-5, -5, 50, 50], [0, 0, 9, 9]], np.float32)
    np.testing.assert_allclose(ops.coverage(a, b), [0.5, 1.0, 0.0])


def test_formats_are_inverses():
    found = drawn(50)
    np.testing.assert_allclose(ops.from_cxcywh(ops.to_cxcywh(found)), found, atol=5e-4)
    box = np.array([[10.0, 20.0, 14.0, 30.0]], np.float32)
    np.testing.assert_array_equal(ops.to_cxcywh(box), [[12, 25, 4, 10]])


def test_yxyx_and_clipping():
    box = np.array([[[10.0, 20.0, 14.0, 30.0]]], np.float32)
    np.testing.assert_array_equal(ops.swap_xy(box)[0], [[20, 10, 30, 14]])
    np.testing.assert_array_equal(ops.clip([[-5.0, 3, 60, 120]], (100, 40)), [[0, 3, 40, 100]])


def test_proper_boxes():
    boxes = [[0, 0, 1, 1], [3, 0, 1, 1], [0, 0, np.nan, 1], [0, 0, np.inf, 1], [2, 2, 2, 5], [-9, -9, -5, -5]]
    np.testing.assert_array_equal(ops.is_proper(np.float32(boxes)), [True, False, False, False, False, True])


@pytest.mark.parametrize(("name", "variances"), [("ssd", ops.VARIANCES), ("plain", (1.0, 1.0, 1.0, 1.0))])
def test_deltas_are_torchvision_s(name, variances):
    anchors, boxes = GOLDEN["coding/anchors"], GOLDEN["coding/boxes"]
    encoded = ops.encode(boxes, anchors, variances)
    np.testing.assert_allclose(encoded, GOLDEN[f"coding/{name}_encoded"], rtol=1e-4, atol=1e-4)
    decoded = ops.decode(GOLDEN["coding/deltas"], anchors, variances).numpy()
    np.testing.assert_allclose(decoded, GOLDEN[f"coding/{name}_decoded"], rtol=1e-5, atol=1e-2)


def test_decode_is_the_inverse_of_encode():
    boxes, anchors = drawn(400, 4, 1.0, 600.0), drawn(400, 5, 16.0, 512.0)
    np.testing.assert_allclose(ops.decode(ops.encode(boxes, anchors), anchors), boxes, atol=1e-3)


def test_odd_boxes_have_finite_codes():
    boxes, anchors = (tf.constant(x.reshape(-1, 4)) for x in np.broadcast_arrays(ODD[:7, None], ODD[None, :7]))
    with tf.GradientTape() as tape:
        tape.watch([boxes, anchors])
        codes = ops.encode(boxes, anchors)
    assert np.isfinite(codes).all() and all(np.isfinite(g).all() for g in tape.gradient(codes, [boxes, anchors]))
    assert np.isfinite(ops.decode(tf.fill([7, 4], 1e4), ODD[:7])).all()


def test_distances_are_inverses():
    boxes, points = drawn(30, 6, 1.0), np.random.default_rng(7).uniform(0, 320, (30, 2)).astype(np.float32)
    np.testing.assert_allclose(ops.from_distances(ops.to_distances(boxes, points), points), boxes, atol=5e-4)
    seen = ops.to_distances(np.float32([[10, 20, 40, 60]]), np.float32([[15, 30]]))
    np.testing.assert_array_equal(seen, [[5, 10, 25, 30]])


def test_expected_distances_are_weighted_means():
    logits = np.random.default_rng(8).normal(0, 3, (5, 4, 17))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    seen = ops.expected_distances(np.float32(logits))
    np.testing.assert_allclose(seen, (p * np.arange(17)).sum(-1), rtol=1e-5, atol=1e-5)
