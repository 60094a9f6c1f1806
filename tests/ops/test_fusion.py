"""Weighted boxes fusion by hand, against loops written from the paper, and in TFLite and ONNX."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops.fusion import weighted_boxes
from tests.ops.test_nms import assert_padded, assert_same, converted, iou


def fused(boxes, scores, labels, models, most=6, **fields):
    """Of one image, without padding: (boxes, scores, labels)."""
    found = weighted_boxes(np.float32([boxes]), np.float32([scores]), np.int32([labels]), models, most, **fields)
    assert_padded(found, most)
    count = int(found["count"][0])
    return [found[k][0, :count].numpy() for k in ("boxes_xyxy", "scores", "labels")]


def from_the_paper(boxes, scores, labels, models, threshold):
    """Section 3, steps 1 to 7, with its lists: L of boxes by cluster, F of fused boxes."""
    clusters, found = [], []
    for n in sorted(range(len(scores)), key=lambda n: (-scores[n], n)):
        if scores[n] <= 0:
            continue
        best, place = threshold, None
        for i, (box, _, label) in enumerate(found):
            overlap = iou(boxes[n], box[None])[0]
            if label == labels[n] and overlap > best:
                best, place = overlap, i
        if place is None:
            clusters.append([n])
            found.append(None)
            place = len(found) - 1
        else:
            clusters[place].append(n)
        c, x = scores[clusters[place]].astype(np.float64), boxes[clusters[place]].astype(np.float64)
        found[place] = ((c[:, None] * x).sum(0) / c.sum(), c.mean(), labels[n])
    rescaled = [
        (box, c * min(len(cluster), models) / models, label)
        for (box, c, label), cluster in zip(found, clusters, strict=True)
    ]
    return sorted(rescaled, key=lambda row: -row[1])


def test_two_models_that_agree_and_a_box_of_one():
    """IoU of the first two: 90 / 110 = 0.818. Weights 0.8 and 0.4: x1 = (0.8 * 0 + 0.4 * 1) / 1.2 = 1 / 3."""
    boxes, scores, labels = fused(
        [[0, 0, 10, 10], [50, 50, 60, 60], [1, 0, 11, 10]], [0.8, 0.6, 0.4], [2, 2, 2], models=2
    )
    np.testing.assert_allclose(boxes, [[1 / 3, 0, 10 + 1 / 3, 10], [50, 50, 60, 60]], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.6, 0.3], rtol=1e-6)  # a mean of two of two; 0.6 of one of two
    assert labels.tolist() == [2, 2]


def test_the_threshold_is_not_enough_itself():
    """IoU exactly 0.5 of [0, 0, 10, 10] and [0, 0, 10, 20]."""
    pair = ([[0, 0, 10, 10], [0, 0, 10, 20]], [0.9, 0.9], [0, 0])
    assert len(fused(*pair, models=2, iou_threshold=0.5)[1]) == 2
    boxes, scores, _ = fused(*pair, models=2, iou_threshold=0.4999)
    np.testing.assert_allclose(boxes, [[0, 0, 10, 15]], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.9], rtol=1e-6)


def test_labels_are_fused_apart_and_three_boxes_of_two_models_are_not_surer():
    same = [[0, 0, 10, 10]] * 4
    boxes, scores, labels = fused(same, [0.9, 0.6, 0.3, 0.5], [1, 1, 1, 0], models=2)
    np.testing.assert_allclose(scores, [0.6, 0.25], rtol=1e-6)  # (0.9 + 0.6 + 0.3) / 3 * min(3, 2) / 2
    assert labels.tolist() == [1, 0] and (boxes == [0, 0, 10, 10]).all()


def test_a_box_joins_what_the_fused_box_has_become():
    """The third overlaps the first by 6/14 and their mean [2, 0, 12, 10] by 8/12."""
    boxes, scores, _ = fused([[0, 0, 10, 10], [4, 0, 14, 10], [4, 0, 14, 10]], [0.8, 0.8, 0.4], [0] * 3, 3, 6)
    assert len(scores) == 2  # 6/14 is not above 0.55: the second begins a box of its own, which the third joins
    boxes, scores, _ = fused(
        [[0, 0, 10, 10], [4, 0, 14, 10], [4, 0, 14, 10]], [0.8, 0.8, 0.4], [0] * 3, 3, iou_threshold=0.42
    )
    np.testing.assert_allclose(boxes, [[2.4, 0, 12.4, 10]], rtol=1e-5)
    np.testing.assert_allclose(scores, [2 / 3], rtol=1e-6)


def crowded(seed, models=3, each=12, batch=2):
    """Boxes of several models around few objects, and strays; a row in five is empty."""
    rng = np.random.default_rng(seed)
    count = models * each
    objects = rng.uniform(0, 90, (batch, 5, 2))
    low = np.take_along_axis(objects, rng.integers(0, 5, (batch, count))[..., None], 1)
    low = low + rng.normal(0, 2, low.shape)
    side = rng.uniform(14, 22, low.shape)
    scores = rng.uniform(0.05, 1, (batch, count)) * (rng.uniform(size=(batch, count)) > 0.2)
    labels = rng.integers(0, 2, (batch, count))
    return np.concatenate([low, low + side], -1).astype(np.float32), scores.astype(np.float32), labels.astype(np.int32)


@pytest.mark.parametrize("most", [50, 4])
def test_fusion_is_the_paper_s(most):
    for seed in range(3):
        held = crowded(seed)
        found = weighted_boxes(*held, 3, most)
        assert_padded(found, most)
        for i in range(2):
            rows = from_the_paper(*(part[i] for part in held), 3, 0.55)
            assert 4 < len(rows) < (held[1][i] > 0).sum()  # something was fused
            rows, count = rows[:most], int(found["count"][i])
            assert count == len(rows)
            np.testing.assert_allclose(found["boxes_xyxy"][i, :count], [r[0] for r in rows], rtol=1e-4, atol=1e-3)
            np.testing.assert_allclose(found["scores"][i, :count], [r[1] for r in rows], rtol=1e-5)
            assert found["labels"][i, :count].numpy().tolist() == [r[2] for r in rows]


def answer(boxes, scores, labels):
    return weighted_boxes(boxes, scores, labels, 3, 20)


SPECS = [
    tf.TensorSpec([1, 36, 4], name="raw_boxes"),
    tf.TensorSpec([1, 36], name="raw_scores"),
    tf.TensorSpec([1, 36], tf.int32, name="raw_labels"),
]


def test_fusion_converts_to_builtin_operators():
    ops, run = converted(answer, SPECS)
    assert not [op for op in ops if op.startswith(("Flex", "CUSTOM"))]
    boxes, scores, labels = crowded(0, batch=1)
    assert_same(run(raw_boxes=boxes, raw_scores=scores, raw_labels=labels), answer(boxes, scores, labels))
    empty = run(raw_boxes=boxes, raw_scores=0 * scores, raw_labels=labels)
    assert empty["count"].tolist() == [0] and (empty["labels"] == -1).all()


def test_fusion_in_onnx():
    import onnxruntime
    import tf2onnx

    function = tf.function(answer, input_signature=SPECS, autograph=False)
    model, _ = tf2onnx.convert.from_function(function, input_signature=SPECS, opset=17)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    boxes, scores, labels = crowded(1, batch=1)
    names = [output.name for output in session.get_outputs()]
    given = {"raw_boxes": boxes, "raw_scores": scores, "raw_labels": labels}
    assert_same(dict(zip(names, session.run(names, given), strict=True)), answer(boxes, scores, labels))
