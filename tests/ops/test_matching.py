"""Matching against the papers read anew in numpy, one anchor and one truth at a time, over random and odd scenes."""

import doctest

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.ops import matching
from kerasvision.ops.anchors import Anchors, anchor_points
from kerasvision.ops.matching import Matcher, TaskAligned, take

SIDE = 96
ANCHORS = Anchors(strides=(8, 16, 32), sizes=((16.0,), (32.0,), (64.0,)))((SIDE, SIDE))
POINTS, _ = anchor_points((8, 16, 32), (SIDE, SIDE))


def scene(kind, ground_truths=6, seed=0):
    """Boxes [truths, 4] and which are real."""
    rng = np.random.default_rng(seed)
    center, side = (
        rng.uniform(0, SIDE, (ground_truths, 2)),
        np.exp(rng.uniform(np.log(4), np.log(120), (ground_truths, 2))),
    )
    valid = np.ones(ground_truths, bool)
    if kind == "some":
        valid = rng.uniform(size=ground_truths) < 0.5
    elif kind == "empty":
        valid[:] = False
    elif kind == "tiny":  # all between the same four points
        center, side = rng.uniform(41, 43, (ground_truths, 2)), rng.uniform(0.2, 1.5, (ground_truths, 2))
    elif kind == "huge":
        side = rng.uniform(200, 2000, (ground_truths, 2))
    elif kind == "touching":
        center = np.stack([8 + 10.0 * np.arange(ground_truths), np.full(ground_truths, 40.0)], 1)
        side = np.full((ground_truths, 2), 10.0)
    elif kind == "same":
        center[:], side[:] = (50, 44), (30, 30)
    elif kind == "degenerate":
        side[::2] = 0
        side[1] = -20
    return np.concatenate([center - side / 2, center + side / 2], -1).astype(np.float32), valid


KINDS = ["random", "some", "empty", "tiny", "huge", "touching", "same", "degenerate"]


def iou(a, b):
    """float32, as an index is decided by it: a tie must be a tie in both."""
    a, b = np.float32(a), np.float32(b)
    size = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), np.float32(0))
    shared, (p, q) = size[0] * size[1], (np.maximum(x[2:] - x[:2], np.float32(0)).prod() for x in (a, b))
    return shared / max(p + q - shared, np.float32(1e-8))


def matched(boxes, valid, high, low, force):
    """Index (-1 none) and negative of each anchor."""
    table = np.array([[iou(a, b) if v else 0 for b, v in zip(boxes, valid, strict=True)] for a in ANCHORS])
    table = table.reshape(len(ANCHORS), -1)
    index, negative = np.full(len(ANCHORS), -1), np.zeros(len(ANCHORS), bool)
    for a, row in enumerate(table):
        best = row.max(initial=0)
        if best >= high:
            index[a] = row.argmax()
        negative[a] = best < low
    if force and table.size:
        left = table.T.copy()
        while left.max() > 0:
            g, a = np.unravel_index(left.argmax(), left.shape)
            index[a], negative[a] = g, False
            left[g], left[:, a] = 0, 0
    return index, negative & (index < 0), table


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_matcher_is_the_definition(kind, force):
    for seed in range(3):
        boxes, valid = scene(kind, seed=seed)
        index, negative, table = matched(boxes, valid, 0.5, 0.4, force)
        seen = Matcher(0.5, 0.4, force)(ANCHORS, boxes, valid)
        np.testing.assert_allclose(seen.iou, table.max(1), atol=1e-6)
        np.testing.assert_array_equal(seen.index, index)
        np.testing.assert_array_equal(seen.negative, negative)
        np.testing.assert_array_equal(seen.positive, index >= 0)


@pytest.mark.parametrize("kind", ["random", "tiny", "huge", "touching", "same"])
def test_every_truth_gets_an_anchor_of_its_own(kind):
    boxes, valid = scene(kind, ground_truths=9)
    boxes = np.clip(boxes, 0, SIDE)
    assert set(range(9)) <= set(Matcher()(ANCHORS, boxes, valid).index.numpy().tolist())


def test_a_batch_is_its_images_and_padding_changes_nothing():
    scenes = [scene(kind) for kind in KINDS]
    boxes, valid = (np.stack(x) for x in zip(*scenes, strict=True))
    together = Matcher()(ANCHORS, boxes, valid)
    for i, (b, v) in enumerate(scenes):
        alone = Matcher()(ANCHORS, b[v])  # dynamic number of truths, possibly none
        held = np.append(np.flatnonzero(v), -1)
        np.testing.assert_array_equal(together.index[i], held[alone.index])
        np.testing.assert_array_equal(together.negative[i], alone.negative)
    assert Matcher()(ANCHORS, np.zeros((0, 4), np.float32)).negative.numpy().all()


def test_shapes_are_static_in_a_graph():
    matcher = Matcher()
    spec = [tf.TensorSpec([None, 4]), tf.TensorSpec([None], tf.bool)]
    traced = tf.function(lambda b, v: matcher(ANCHORS, b, v), input_signature=spec, autograph=False)
    assert traced.get_concrete_function().structured_outputs.index.shape == (len(ANCHORS),)
    boxes, valid = scene("random")
    np.testing.assert_array_equal(traced(boxes, valid).index, matcher(ANCHORS, boxes, valid).index)


def test_anchors_in_a_crowd_take_no_part():
    anchors = np.float32([[0, 0, 10, 10], [6, 0, 16, 10], [40, 40, 50, 50], [100, 0, 110, 10]])
    boxes = np.float32([[0, 0, 12, 60], [40, 40, 50, 50], [90, 0, 120, 30]])
    valid, crowd = np.array([True, True, False]), np.array([True, False, True])
    seen = Matcher()(anchors, boxes, valid, crowd)
    assert seen.index.numpy().tolist() == [-1, -1, 1, -1]
    # the first lies in the crowd wholly, the second to 0.6, the last in a padded one
    assert seen.negative.numpy().tolist() == [False, False, False, True]


def test_take_gives_rows_and_zeros():
    values = np.arange(1, 13, dtype=np.float32).reshape(2, 3, 2)
    index = np.int32([[2, -1], [0, 0]])
    np.testing.assert_array_equal(take(values, tf.constant(index)), [[[5, 6], [0, 0]], [[7, 8], [7, 8]]])
    np.testing.assert_array_equal(take([4, 5, 6], tf.constant([1, -1, 0])), [5, 0, 4])
    np.testing.assert_array_equal(take(np.zeros((0, 4), np.float32), tf.constant([-1, -1])), np.zeros((2, 4)))


def test_worked_example():
    done = doctest.testmod(matching, extraglobs={"tf": tf})
    assert (done.attempted, done.failed) == (6, 0)


def test_wrong_thresholds_are_one_clear_error():
    for fields in ({"positive_iou": 0.3, "negative_iou": 0.4}, {"positive_iou": 1.5}, {"positive_iou": 0.0}):
        with pytest.raises(UsageError, match="negative_iou <= positive_iou"):
            Matcher(**{"negative_iou": 0.0, **fields})
    for part in (Matcher(0.7, 0.3), TaskAligned(top_k=13, alpha=1.0, overlap="iou")):
        assert from_json(to_json(part)) == part
    with pytest.raises(UsageError, match="top_k=0"):
        TaskAligned(top_k=0)


def assigned(scores, predicted, boxes, labels, valid, top_k, alpha, beta):
    """TOOD, section 3.2, with IoU: one image, float64. Index (-1 none) and quality of each point."""
    count = len(POINTS)
    t, u = np.full((len(boxes), count), -1.0), np.zeros((len(boxes), count))
    wanted = np.zeros((len(boxes), count), bool)
    for g in np.flatnonzero(valid):
        x1, y1, x2, y2 = boxes[g]
        inside = [a for a, (x, y) in enumerate(POINTS) if x1 < x < x2 and y1 < y < y2]
        if not inside:
            inside = [np.square(POINTS - [(x1 + x2) / 2, (y1 + y2) / 2]).sum(1).argmin()]
        for a in inside:
            u[g, a] = iou(predicted[a], boxes[g])
            t[g, a] = scores[a, labels[g]] ** alpha * u[g, a] ** beta
        order = sorted(inside, key=lambda a, g=g: (-t[g, a], a))
        wanted[g, order[:top_k]] = True
    index, quality = np.full(count, -1), np.zeros(count)
    for a in np.flatnonzero(wanted.any(0)):
        index[a] = max(np.flatnonzero(wanted[:, a]), key=lambda g, a=a: (u[g, a], -g))
    for a in np.flatnonzero(index >= 0):
        mine = index == index[a]
        best_t, best_u = t[index[a], mine].max(), u[index[a], mine].max()
        quality[a] = t[index[a], a] / best_t * best_u if best_t > 0 else 0
    return index, quality


def heads(boxes, seed, near=True):
    """Scores [A, 3] and predicted boxes [A, 4]: those of a point are near some truth, or anywhere."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.01, 0.99, (len(POINTS), 3)).astype(np.float32)
    predicted = np.concatenate([POINTS - 12, POINTS + 12], 1) + rng.normal(0, 4, (len(POINTS), 4))
    if near:
        predicted = 0.5 * predicted + 0.5 * boxes[rng.integers(len(boxes), size=len(POINTS))]
    return scores, predicted.astype(np.float32)


@pytest.mark.parametrize(("top_k", "alpha", "beta"), [(13, 1.0, 6.0), (3, 0.5, 2.0), (1, 0.5, 6.0), (500, 0.0, 1.0)])
@pytest.mark.parametrize("kind", KINDS)
def test_task_aligned_is_the_paper(kind, top_k, alpha, beta):
    for seed in range(2):
        boxes, valid = scene(kind, seed=seed)
        labels = np.random.default_rng(seed).integers(0, 3, len(boxes))
        scores, predicted = heads(boxes, seed, near=seed == 0)
        index, quality = assigned(scores, predicted, boxes, labels, valid, top_k, alpha, beta)
        assign = TaskAligned(top_k, alpha, beta, "iou")
        seen = assign(scores[None], predicted[None], POINTS, boxes[None], labels[None], valid[None])
        np.testing.assert_array_equal(seen.index[0], index)
        np.testing.assert_allclose(seen.quality[0], quality, rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(seen.positive[0], index >= 0)


def test_task_aligned_with_complete_iou_and_a_batch():
    """As YOLOv8 has it: the overlap is CIoU, negative ones count as 0."""
    scenes = [scene(kind) for kind in ("random", "touching", "empty")]
    boxes, valid = (np.stack(x) for x in zip(*scenes, strict=True))
    labels = np.random.default_rng(0).integers(0, 3, (3, 6))
    scores, predicted = (np.stack(x) for x in zip(*(heads(b, i) for i, b in enumerate(boxes)), strict=True))
    together = TaskAligned()(scores, predicted, POINTS, boxes, labels, valid)
    for i in range(3):
        alone = TaskAligned()(
            *(x[i : i + 1] for x in (scores, predicted)), POINTS, boxes[i : i + 1], labels[i : i + 1], valid[i : i + 1]
        )
        np.testing.assert_array_equal(together.index[i], alone.index[0])
    from kerasvision.ops.boxes import ciou

    i, a = np.argwhere(together.quality.numpy() > 0).T
    g = together.index.numpy()[i, a]
    u = np.maximum(ciou(boxes[i, g], predicted[i, a]).numpy(), 0)
    t = scores[i, a, labels[i, g]] ** 0.5 * u**6
    for image, ground_truth in set(zip(i.tolist(), g.tolist(), strict=True)):
        mine = (i == image) & (g == ground_truth)
        np.testing.assert_allclose(
            together.quality.numpy()[i[mine], a[mine]], t[mine] / t[mine].max() * u[mine].max(), rtol=1e-3, atol=1e-6
        )
    assert (together.index[2].numpy() == -1).all() and not together.quality[2].numpy().any()


def test_task_aligned_passes_no_gradient():
    boxes, valid = scene("random")
    scores, predicted = (tf.constant(x[None]) for x in heads(boxes, 0))
    with tf.GradientTape() as tape:
        tape.watch([scores, predicted])
        quality = TaskAligned()(scores, predicted, POINTS, boxes[None], np.zeros((1, 6), int), valid[None]).quality
    assert tape.gradient(quality, [scores, predicted]) == [None, None]
