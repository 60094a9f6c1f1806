"""Looks in a tracker of slots: the ids of the Python tracker, a running mean in closed form, gates on both sides."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.ops.colors import SIZE
from kerasvision.ops.slots import Slots, state_shapes, step
from kerasvision.systems.base import Session
from kerasvision.systems.simulated import LOOK, frames_of
from kerasvision.systems.trackers import tracker_like
from tests.ops.test_slots import MOST, begin, padded

LOOKS = Slots(count=64, looks="colors")


def with_looks(found):
    """A frame with looks of as many numbers as a file has, unit vectors."""
    looks = np.zeros((len(found["scores"]), SIZE))
    looks[:, :LOOK] = found["embeddings"]
    return found | {"embeddings": looks / np.linalg.norm(looks, axis=1, keepdims=True)}


def in_slots(slots, frames):
    """[(ids, state)] of each frame."""
    spec = {k: tf.TensorSpec([1, *s], tf.float32) for k, s in state_shapes(slots).items()}
    rows = {"boxes_xyxy": tf.TensorSpec([1, MOST, 4], tf.float32), "scores": tf.TensorSpec([1, MOST], tf.float32)}
    rows |= {"labels": tf.TensorSpec([1, MOST], tf.int32), "looks": tf.TensorSpec([1, MOST, SIZE], tf.float32)}
    signature = [rows, tf.TensorSpec([1, 1], tf.float32), spec]
    run = tf.function(lambda f, t, s: step(slots, f, t, s), input_signature=signature, autograph=False)
    state, held, before = begin(slots), [], 0.0
    for found in frames:
        looks = np.zeros((1, MOST, SIZE), np.float32)
        looks[0, : len(found["scores"])] = found["embeddings"]
        answer, state = run(padded(found) | {"looks": looks}, np.float32([[found["time"] - before]]), state)
        before = found["time"]
        held.append((sorted(i for i in answer["ids"].numpy()[0].tolist() if i), state))
    return held


def in_python(slots, frames):
    session, held = Session(tracker_like(slots), {}), []
    for found in frames:
        looks = np.where(found["scores"][:, None] >= slots.high_score, found["embeddings"], np.nan)
        held.append(session.step(found | {"embeddings": looks})["ids"].tolist())
    return held


def test_ids_are_those_of_the_python_tracker_and_looks_change_them():
    frames = [with_looks(found) for found, _ in frames_of("walls", 0, frames=200, looks=True)]
    wanted = in_python(LOOKS, frames)
    assert [ids for ids, _ in in_slots(LOOKS, frames)] == wanted
    assert in_python(Slots(count=64), frames) != wanted


def look(*degrees):
    """Unit vectors [N, SIZE] so far from the first axis."""
    angles, held = np.deg2rad(degrees), np.zeros((len(degrees), SIZE))
    held[:, 0], held[:, 1] = np.cos(angles), np.sin(angles)
    return held


def scene(time, x, degrees, scores=None):
    boxes = np.float32([[at, 10, at + 20, 40] for at in x]).reshape(-1, 4)
    scores = np.float32([0.9] * len(x) if scores is None else scores)
    return {"boxes_xyxy": boxes, "scores": scores, "time": time, "embeddings": look(*degrees)}


def test_a_look_is_a_running_mean_of_what_is_well_seen():
    """With 0.9; a score of 0.5 is not looked at, and one of 0.62 of which a fifth is covered is below 0.5."""
    slots, mean = Slots(count=4, looks="colors"), None
    degrees, scores = (0, 40, 20, 60, 10), (0.9, 0.9, 0.5, 0.62, 0.7)
    frames = [scene(n / 30, [0], [d], [s]) for n, (d, s) in enumerate(zip(degrees, scores, strict=True))]
    beside = scene(0.1, [0, 16], [60, 0], [0.62, 0.3])
    frames[3] = beside
    for (_, state), d, counts in zip(in_slots(slots, frames), degrees, (1, 1, 0, 0, 1), strict=True):
        if counts:
            mean = look(d)[0] if mean is None else 0.9 * mean + 0.1 * look(d)[0]
            mean = mean / np.linalg.norm(mean)
        np.testing.assert_allclose(state["look"].numpy()[0, 0], mean, atol=1e-6)
        assert not state["look"].numpy()[0, 1:].any()


@pytest.mark.parametrize(
    ("degrees", "x", "is_back"), [(41.0, 500, True), (42.0, 500, False), (66.0, 3, True), (67.0, 3, False)]
)
def test_who_was_lost_comes_back_by_looks(degrees, x, is_back):
    """From anywhere from a cosine of 0.75 (41.41 degrees) on, and to where it is expected from 0.4 (66.42) on."""
    frames = [scene(n / 10, [0], [0]) for n in range(3)] + [scene(0.3, [], []), scene(0.4, [x], [degrees])]
    for ids in (in_slots(LOOKS, frames)[-1][0], in_python(LOOKS, frames)[-1]):
        assert ids == ([1] if is_back else [])


def test_a_slot_that_is_taken_again_has_forgotten_who_was_in_it():
    slots = Slots(count=1, looks="colors", keep_s=0.5)
    frames = [scene(0.0, [0], [0]), scene(0.1, [0], [0]), scene(1.0, [300], [90]), scene(1.1, [300], [90])]
    state = in_slots(slots, frames)[-1][1]
    np.testing.assert_allclose(state["look"].numpy()[0, 0], look(90)[0], atol=1e-6)


@pytest.mark.parametrize("fields", [{"unlike": 0.8}, {"look_quality": 0.0}, {"least_near": 1.5}, {"momentum": 1.0}])
def test_settings_out_of_their_range_are_one_line(fields):
    with pytest.raises(UsageError, match="slots: unlike .*; allowed: above 0 to 1") as error:
        Slots(**fields)
    assert "\n" not in str(error.value)
