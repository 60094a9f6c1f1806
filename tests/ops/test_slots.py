"""A tracker of slots gives the ids of `systems.multi_object`, which is compared with others' metrics and trackers."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.ops.slot_pairs import greedy_pairs
from kerasvision.ops.slots import Slots, state_shapes, step
from kerasvision.systems._association import paired
from kerasvision.systems.base import Session
from kerasvision.systems.simulated import KINDS, frames_of
from kerasvision.systems.trackers import tracker_like

MOST = 48  # detections of a frame


def padded(found):
    """What a detector with `MOST` rows gives, with a batch axis."""
    count = len(found["scores"])
    boxes, scores = np.zeros((1, MOST, 4), np.float32), np.zeros((1, MOST), np.float32)
    labels = np.full((1, MOST), -1, np.int32)
    boxes[0, :count], scores[0, :count] = found["boxes_xyxy"], found["scores"]
    labels[0, :count] = found.get("labels", 0)
    return {"boxes_xyxy": boxes, "scores": scores, "labels": labels}


@functools.cache
def traced(slots):
    """`step` as a function of tensors, one of its kind."""
    spec = {k: tf.TensorSpec([1, *s], tf.float32) for k, s in state_shapes(slots).items()}
    rows = {"boxes_xyxy": tf.TensorSpec([1, MOST, 4], tf.float32), "scores": tf.TensorSpec([1, MOST], tf.float32)}
    rows |= {"labels": tf.TensorSpec([1, MOST], tf.int32)}
    signature = [rows, tf.TensorSpec([1, 1], tf.float32), spec]
    return tf.function(lambda f, t, s: step(slots, f, t, s), input_signature=signature, autograph=False)


def begin(slots):
    return {k: np.zeros((1, *s), np.float32) for k, s in state_shapes(slots).items()}


def in_slots(slots, frames):
    """[(ids, boxes) of each frame, by rising id]."""
    run, state, held, before = traced(slots), begin(slots), [], 0.0
    for found in frames:
        answer, state = run(padded(found), np.float32([[found["time"] - before]]), state)
        before = found["time"]
        ids = answer["ids"].numpy()[0]
        order = [i for i in np.argsort(ids, kind="stable") if ids[i] > 0]
        held.append((ids[order].tolist(), answer["boxes_xyxy"].numpy()[0][order]))
    return held


def in_python(slots, frames):
    session = Session(tracker_like(slots), {})
    answers = (session.step(found) for found in frames)
    return [(a["ids"].tolist(), a["boxes_xyxy"]) for a in answers]


@pytest.mark.parametrize(
    "kind", [k if k in ("crowded", "shaken") else pytest.param(k, marks=pytest.mark.nightly) for k in KINDS]
)
def test_ids_are_those_of_the_python_tracker_in_300_frames(kind):
    frames = [found for found, _ in frames_of(kind, 0)]
    slots = Slots(count=64)
    ours, theirs = in_slots(slots, frames), in_python(slots, frames)
    assert max(max(ids, default=0) for ids, _ in theirs) > 9  # there is something to tell apart
    for (ids, boxes), (wanted, places) in zip(ours, theirs, strict=True):
        assert ids == wanted
        np.testing.assert_allclose(boxes, places, atol=0.05)


def test_pairs_are_those_made_greedily():
    rng = np.random.default_rng(1)
    gain, allowed = rng.random((20, 6, 9)).astype(np.float32), rng.random((20, 6, 9)) < 0.6
    found = greedy_pairs(tf.constant(gain), tf.constant(allowed)).numpy()
    for n in range(20):
        assert list(zip(*np.nonzero(found[n]), strict=True)) == list(
            zip(*paired(gain[n], allowed[n], True), strict=True)
        )
    chain = np.float32([[[0.9, 0.8, 0], [0, 0.7, 0.6], [0, 0, 0.5]]])  # each pair waits for the one before it
    np.testing.assert_array_equal(greedy_pairs(tf.constant(chain), tf.constant(chain > 0)), np.eye(3)[None])
    tie = np.ones((1, 2, 3), np.float32)
    np.testing.assert_array_equal(greedy_pairs(tf.constant(tie), tf.constant(tie > 0)), np.eye(3)[None, :2])


def scene(time, scores, sides=20.0):
    boxes = np.float32([[40 * i, 10, 40 * i + sides, 40] for i in range(len(scores))])
    return {"boxes_xyxy": boxes.reshape(-1, 4), "scores": np.float32(scores), "time": time}


def test_where_slots_are_few_the_surest_get_them_and_the_others_are_counted():
    slots = Slots(count=2)
    run, state = traced(slots), begin(slots)
    answer, state = run(padded(scene(0, [0.75, 0.9, 0.8, 0.95])), np.float32([[0.0]]), state)
    np.testing.assert_allclose(sorted(answer["scores"].numpy()[0]), [0.9, 0.95], rtol=1e-6)
    assert answer["left_out"].numpy() == [2]
    answer, state = run(padded(scene(0.1, [0.75, 0.9, 0.8, 0.95])), np.float32([[0.1]]), state)
    assert sorted(answer["ids"].numpy()[0].tolist()) == [1, 2]
    assert answer["left_out"].numpy() == [2]


@pytest.mark.parametrize(("gap", "is_kept"), [(0.99, True), (1.01, False)])
def test_a_lost_object_is_kept_as_long_as_it_is_said(gap, is_kept):
    frames = [scene(0.0, [0.9]), scene(0.1, [0.9]), scene(0.1 + gap, [0.9])]
    (first, _), _, (last, _) = in_slots(Slots(count=3), frames)
    assert first == [1]
    assert (last == [1]) == is_kept


def test_nothing_is_found_in_empty_frames_and_padding_counts_as_nothing():
    held = in_slots(Slots(count=3), [scene(t / 10, []) for t in range(20)] + [scene(2.0, [0.9]), scene(2.1, [0.9])])
    assert all(ids == [] for ids, _ in held[:21])  # the first look at something new is not yet confirmed
    assert held[21][0] == [1]


@pytest.mark.parametrize("fields", [{"count": -1}, {"confirm": 0}, {"keep_s": -1.0}, {"low_score": 0.7}])
def test_settings_out_of_their_range_are_one_line(fields):
    with pytest.raises(UsageError, match="slots: .*; allowed: ") as error:
        Slots(**fields)
    assert "\n" not in str(error.value)
