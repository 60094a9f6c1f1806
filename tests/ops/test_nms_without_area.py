"""Boxes without area are no detections, in TensorFlow and in LiteRT, whose own operator repeats them."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kerasvision.ops.nms import Suppression, nms

GOOD = [[0, 0, 9, 9], [20, 20, 30, 30], [40, 40, 50, 50], [1, 1, 9, 9]]  # the last is suppressed by the first
RULES = [
    Suppression(0.5, 0.05, 10),
    Suppression(0.5, 0.05, 10, class_aware=False),
    Suppression(0.5, 0.05, 10, True, 0.5),
]
EMPTY = {
    "a point": [5, 5, 5, 5],
    "a line": [5, 0, 5, 9],
    "a reversed box": [9, 9, 5, 5],
    "cut away at the border": [64, 10, 64, 30],
    "cut away at zero": [0, 0, 0, 30],
}


def found_by_litert(rule, boxes, scores, labels):
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in (boxes, scores, labels)]
    function = tf.function(
        lambda boxes, scores, labels: nms(boxes, scores, labels, rule), input_signature=specs, autograph=False
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    run = Interpreter(model_content=converter.convert()).get_signature_runner()
    return run(boxes=boxes, scores=scores, labels=labels)


@pytest.mark.parametrize("rule", RULES, ids=["by class", "of all classes", "soft"])
@pytest.mark.parametrize("where", [0, 2, 4])
@pytest.mark.parametrize("kind", EMPTY)
def test_a_box_without_area_is_left_out_and_nothing_else_changes(kind, where, rule):
    boxes, scores = [*GOOD], [0.9, 0.8, 0.7, 0.6]
    boxes.insert(where, EMPTY[kind])
    scores.insert(where, 0.95)
    boxes, scores = np.float32([boxes]), np.float32([scores])
    labels = np.zeros((1, 5), np.int32)
    with_it = {k: v.numpy() for k, v in nms(boxes, scores, labels, rule).items()}
    kept = [n for n in range(5) if n != where]
    without = {k: v.numpy() for k, v in nms(boxes[:, kept], scores[:, kept], labels[:, kept], rule).items()}
    for key in ("boxes_xyxy", "scores", "labels", "count"):
        np.testing.assert_allclose(with_it[key], without[key], atol=1e-6, err_msg=key)
    assert with_it["count"][0] == (3 if not rule.soft_sigma else 4)


@pytest.mark.parametrize("rule", RULES[:2], ids=["by class", "of all classes"])
def test_litert_gives_each_box_once_beside_boxes_without_area(rule):
    boxes = np.float32([[*GOOD, *EMPTY.values()]])
    scores, labels = np.float32([np.linspace(0.9, 0.3, boxes.shape[1])]), np.zeros(boxes.shape[:2], np.int32)
    ours = {k: v.numpy() for k, v in nms(boxes, scores, labels, rule).items()}
    theirs = found_by_litert(rule, boxes, scores, labels)
    assert ours["count"].tolist() == [3]
    for key, value in ours.items():
        np.testing.assert_array_equal(theirs[key], value, key)
