"""Proposals against a plain numpy reading of the paper; features and moved boxes against the functions below them."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.layers.regions import MovedBoxes, Proposals, RegionFeatures
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.anchors import Anchors
from kerasvision.ops.roi_align import pyramid_roi_align

ANCHORS = Anchors(strides=(8, 16), sizes=((12.0,), (24.0, 30.0)), ratios=(0.5, 1.0))
HW = (48, 64)
COUNT = len(ANCHORS(HW))
LEVEL = np.repeat([0, 1], [6 * 8 * 2, 3 * 4 * 4])


def drawn(seed, batch=2):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (batch, COUNT, 1)).astype(np.float32)
    return logits, rng.normal(0, 1.5, (batch, COUNT, 4)).astype(np.float32)


def by_hand(logits, deltas, most, candidates, threshold):
    """One image: greedy suppression within each level, the best scores of all."""
    boxes = box_ops.clip(box_ops.decode(deltas, ANCHORS(HW)), HW).numpy()
    order = np.argsort(-logits[:, 0], kind="stable")[:candidates]
    kept = []
    for i in order:
        same = [j for j in kept if LEVEL[j] == LEVEL[i]]
        if not same or box_ops.pairwise_iou(boxes[[i]], boxes[same]).numpy().max() <= threshold:
            kept.append(i)
    out = np.zeros((most, 4), np.float32)
    out[: len(kept[:most])] = boxes[kept[:most]]
    return out


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("most", "candidates", "threshold"), [(10, 50, 0.7), (100, 30, 0.3), (100, 1000, 0.5)])
def test_proposals_are_the_best_boxes_of_their_levels(seed, most, candidates, threshold):
    logits, deltas = drawn(seed)
    layer = Proposals(ANCHORS, HW, most, candidates, threshold)
    found = layer([tf.constant(logits), tf.constant(deltas)]).numpy()
    for image in range(2):
        np.testing.assert_allclose(
            found[image], by_hand(logits[image], deltas[image], most, candidates, threshold), atol=1e-3
        )


def test_layers_are_written_down_and_read_again():
    layers = [Proposals(ANCHORS, HW, 5, 20, 0.7, name="a"), RegionFeatures(3, 7, name="b"), MovedBoxes(HW, name="c")]
    for layer in layers:
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config() and again.name == layer.name
    logits, deltas = drawn(0)
    again = Proposals.from_config(layers[0].get_config())
    np.testing.assert_array_equal(again([logits, deltas]), layers[0]([logits, deltas]))


def test_no_gradient_reaches_boxes():
    logits, deltas = (tf.constant(v) for v in drawn(0))
    with tf.GradientTape() as tape:
        tape.watch([logits, deltas])
        proposals = Proposals(ANCHORS, HW, 5, 20, 0.7)([logits, deltas])
        moved = MovedBoxes(HW)([deltas[:, :5], proposals])
        total = tf.reduce_sum(proposals) + tf.reduce_sum(moved)
    assert tape.gradient(total, [logits, deltas]) == [None, None]


def test_features_are_those_of_the_pyramid_and_float32_under_mixed_precision():
    rng = np.random.default_rng(0)
    levels = [rng.normal(size=(1, 48 // s, 64 // s, 3)).astype(np.float32) for s in (8, 16)]
    boxes = np.array([[[0, 0, 20, 20], [5, 5, 64, 48], [0, 0, 0, 0]]], np.float32)
    expected = pyramid_roi_align({"p3": levels[0], "p4": levels[1]}, boxes, (5, 5)).numpy()
    np.testing.assert_array_equal(RegionFeatures(3, 5)([boxes, *levels]), expected)
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        assert RegionFeatures(3, 5)([boxes, *levels]).dtype == tf.float32
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_boxes_are_moved_as_they_are_decoded():
    _, deltas = drawn(1)
    boxes = np.tile(ANCHORS(HW), [2, 1, 1])
    expected = box_ops.clip(box_ops.decode(deltas, boxes), HW)
    np.testing.assert_array_equal(MovedBoxes(HW)([deltas, boxes]), expected)
