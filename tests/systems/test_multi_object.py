"""One tracker of many objects: its motion in closed form, its decisions on both sides, and answers that depend on
nothing but the boxes, their times and the settings.
"""

import dataclasses

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.ops.slots import Noise
from kerasvision.systems import _kalman as kalman
from kerasvision.systems._association import common_shift, paired, to_center, turns
from kerasvision.systems._tracks import side
from kerasvision.systems.base import Session, load_state, save_state
from kerasvision.systems.multi_object import MultiObject
from kerasvision.systems.simulated import frames_of, seen_boxes
from kerasvision.systems.trackers import SETTINGS, tracker_of

NOISE = Noise()


def matrices(seconds, unit):
    """Transition and noise of value and velocity, from the stochastic differential equation by matrix exponentials."""
    from scipy.linalg import expm

    drift = np.array([[0.0, 1.0], [0.0, 0.0]])
    spread = np.diag([(NOISE.position * unit) ** 2, (NOISE.velocity * unit) ** 2])
    block = expm(np.block([[-drift, spread], [np.zeros((2, 2)), drift.T]]) * seconds)  # van Loan 1978
    step = block[2:, 2:].T
    return step, step @ block[:2, 2:]


def test_the_filter_is_kalman_s_for_a_body_whose_noise_grows_with_time():
    rng = np.random.default_rng(0)
    boxes, unit, seconds = rng.uniform(20, 90, (3, 4)), rng.uniform(10, 40, 3), 0.37
    mean, covariance = kalman.started(boxes, unit, NOISE)
    mean[..., 1] = rng.normal(0, 9, (3, 4))
    after = kalman.predicted(mean, covariance, unit, seconds, NOISE)
    seen = boxes + rng.normal(0, 3, boxes.shape)
    final = kalman.updated(*after, seen, unit, NOISE)
    for n in range(3):
        step, spread = matrices(seconds, unit[n])
        for k in range(4):
            value, both, velocity = covariance[n, k]
            held = step @ [[value, both], [both, velocity]] @ step.T + spread
            np.testing.assert_allclose(after[1][n, k], held[[0, 0, 1], [0, 1, 1]], rtol=1e-12)
            expected = step @ mean[n, k]
            gain = held[:, 0] / (held[0, 0] + (NOISE.seen * unit[n]) ** 2)
            np.testing.assert_allclose(final[0][n, k], expected + gain * (seen[n, k] - expected[0]), rtol=1e-12)
            left = held - np.outer(gain, held[0])
            np.testing.assert_allclose(final[1][n, k], left[[0, 0, 1], [0, 1, 1]], rtol=1e-9)


def test_one_long_step_says_what_several_short_ones_say():
    boxes = np.array([[50.0, 60, 20, 30]])
    state = kalman.started(boxes, np.array([24.0]), NOISE)
    state = (state[0] + [0, 7.0], state[1])
    parts = state
    for seconds in (0.1, 0.25, 0.05):
        parts = kalman.predicted(*parts, np.array([24.0]), seconds, NOISE)
    for a, b in zip(parts, kalman.predicted(*state, np.array([24.0]), 0.4, NOISE), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_track_that_comes_back_is_filtered_as_if_it_had_been_seen_on_a_straight_line():
    before, now, unit = (
        np.array([[0.0, 0, 20, 20]] * 2),
        np.array([[30.0, 60, 26, 20], [9.0, 9, 20, 20]]),
        np.array([20.0] * 2),
    )
    state = kalman.started(before, unit, NOISE)
    found = kalman.reseen(*state, unit, before, now, np.array([0.3, 0.1]), np.array([3, 1]), NOISE)
    by_hand = tuple(part[:1] for part in state)
    for share in (1 / 3, 2 / 3):
        by_hand = kalman.predicted(*by_hand, unit[:1], 0.1, NOISE)
        by_hand = kalman.updated(*by_hand, before[:1] + share * (now - before)[:1], unit[:1], NOISE)
    by_hand = kalman.predicted(*by_hand, unit[:1], 0.1, NOISE)
    plain = kalman.predicted(*state, unit, 0.1, NOISE)  # seen one step ago: there is no gap
    for a, b, c in zip(found, by_hand, plain, strict=True):
        np.testing.assert_allclose(a, np.concatenate([b, c[1:]]), rtol=1e-12)


def test_pairs_have_the_largest_total_or_the_best_comes_first():
    gain = np.array([[0.9, 0.8], [0.8, 0.1]])
    assert [p.tolist() for p in paired(gain, gain > 0)] == [[0, 1], [1, 0]]
    assert [p.tolist() for p in paired(gain, gain > 0, greedy=True)] == [[0, 1], [0, 1]]
    assert [p.tolist() for p in paired(gain, gain > 0.5, greedy=True)] == [[0], [0]]
    assert [p.tolist() for p in paired(-gain, gain > 0.85)] == [[0], [0]]
    assert [p.tolist() for p in paired(gain, gain > 1)] == [[], []]


def test_straight_on_is_better_than_back():
    origins, ahead = np.zeros((1, 2)), np.array([[3.0, 0]])
    centers = np.array([[9.0, 0], [0, 4], [-2, 0], [0, 0]])
    assert turns(origins, ahead, centers)[0] == pytest.approx([0.5, 0.0, -0.5, 0.0])
    assert turns(origins, np.zeros((1, 2)), centers)[0] == pytest.approx([0, 0, 0, 0])


def test_what_most_boxes_do_together_is_the_camera():
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.uniform(0, 900, (9, 2)), rng.uniform(30, 60, (9, 2))], 1)
    moved = boxes + rng.normal(0, 1, boxes.shape)
    assert common_shift(boxes, moved).tolist() == [0, 0]
    moved[:, :2] += [50, -30]
    assert common_shift(boxes, moved[::-1][:7]) == pytest.approx([50, -30], abs=2)
    moved[:5, :2] -= [50, -30]  # most stay
    assert common_shift(boxes, moved).tolist() == [0, 0]
    assert common_shift(boxes[:3], boxes[:3] + [50, 0, 0, 0]).tolist() == [0, 0]
    assert common_shift(boxes[:0], boxes).tolist() == common_shift(boxes, boxes[:0]).tolist() == [0, 0]


def step(session, time, *boxes, scores=None, labels=None):
    inputs = {"time": time, "boxes_xyxy": np.array(boxes, float).reshape(-1, 4)}
    inputs["scores"] = np.full(len(boxes), 0.9) if scores is None else np.array(scores)
    return session.step(inputs | ({} if labels is None else {"labels": np.array(labels)}))


def box(x, y=0.0, size=20.0):
    return (x, y, x + size, y + size)


@pytest.mark.parametrize(("seconds", "returns"), [(0.9, True), (1.1, False)])
def test_a_lost_object_is_kept_for_so_many_seconds(seconds, returns):
    session = Session(MultiObject(keep_s=1.0), {})
    for n in range(5):
        assert step(session, n / 10, box(0))["ids"].tolist() == [1]
    step(session, 0.41)
    found = [step(session, 0.4 + seconds + n / 10, box(0))["ids"].tolist() for n in range(2)]
    assert found == ([[1], [1]] if returns else [[], [2]])


@pytest.mark.parametrize(("score", "ids"), [(0.61, [[1], [1, 2], [1, 2]]), (0.59, [[1], [1], [1]])])
def test_an_object_begins_at_a_score_and_is_told_when_it_was_seen_twice(score, ids):
    session = Session(MultiObject(birth_score=0.6, confirm=2), {})
    step(session, 0.0, box(0))
    found = [step(session, t, box(0), box(90), scores=[0.9, score])["ids"].tolist() for t in (0.1, 0.2, 0.3)]
    assert found == ids


@pytest.mark.parametrize(
    ("second_stage", "score", "is_held"), [(True, 0.2, True), (True, 0.05, False), (False, 0.2, False)]
)
def test_the_second_stage_holds_what_is_hardly_seen(second_stage, score, is_held):
    session = Session(MultiObject(second_stage=second_stage), {})
    for n in range(3):
        step(session, n / 10, box(0))
    assert step(session, 0.3, box(0), scores=[score])["ids"].tolist() == ([1] if is_held else [])


@pytest.mark.parametrize(("gate", "comes_back"), [(3.0, True), (0.0, False)])
def test_a_lost_object_comes_back_within_where_it_may_be(gate, comes_back):
    session = Session(MultiObject(return_gate=gate, recover=False), {})
    for n in range(10):
        step(session, n / 10, box(10 * n))
    for n in range(10, 15):
        step(session, n / 10)
    found = [step(session, n / 10, box(10 * n + 22, 2))["ids"].tolist() for n in (15, 16)]
    assert found == ([[1], [1]] if comes_back else [[], [2]])
    far = Session(MultiObject(return_gate=gate, recover=False), {})
    for n in range(10):
        step(far, n / 10, box(0))
    step(far, 1.0)
    assert step(far, 1.1, box(900))["ids"].tolist() == []


@pytest.mark.parametrize(("across", "ids"), [(False, [1]), (True, [1, 2])])
def test_labels_part_objects_unless_they_may_change(across, ids):
    session = Session(MultiObject(across_classes=across), {})
    for n in range(3):
        step(session, n / 10, box(0), box(90), labels=[0, 1])
    assert step(session, 0.3, box(0), box(90), labels=[0, 0])["ids"].tolist() == ids


@pytest.mark.parametrize("name", list(SETTINGS))
def test_a_second_without_detections_and_an_empty_hour(name):
    session = Session(tracker_of(name, ["pictures=False"]), {})
    for n in range(5):
        step(session, n / 30, box(n))
    for n in range(200):
        assert not len(step(session, 1 + n * 18.0)["ids"])
    for n in range(5):
        found = step(session, 4000 + n / 30, box(n))
    assert found["ids"].tolist() == [2]


def test_what_cannot_be_is_one_line(tmp_path):
    session = Session(MultiObject(), {})
    step(session, 1.0, box(0))
    for time in (1.0, 0.5, np.nan):
        with pytest.raises(KerasVisionError, match=r"s after one of 1 s; time goes on from frame to frame"):
            step(session, time, box(0))
    with pytest.raises(KerasVisionError, match=r"a box or score of the frame at 2 s is not a finite number"):
        step(session, 2.0, box(0), scores=[np.nan])
    with pytest.raises(KerasVisionError, match=r"a box or score .* is not a finite number"):
        step(session, 2.0, box(np.inf))
    with pytest.raises(KerasVisionError, match=r"1 boxes, 2 scores and 1 labels; give one each"):
        step(session, 2.0, box(0), scores=[0.5, 0.5])
    assert len(step(session, 2.0, (5, 5, 5, 9), (9, 5, 5, 9))["ids"]) == 0  # no area
    with pytest.raises(UsageError, match=r"low_score 0.1, high_score 0.9, birth_score 0.6; allowed: 0 to 1"):
        MultiObject(high_score=0.9)
    with pytest.raises(UsageError, match=r"no tracker bytetrak; did you mean bytetrack\?"):
        tracker_of("bytetrak")
    with pytest.raises(UsageError, match="write KEY=VALUE"):
        tracker_of("sort", ["keep_s"])
    assert tracker_of("sort", ["keep_s=2"]) == dataclasses.replace(tracker_of("sort"), keep_s=2.0)
    save_state(tmp_path / "a.npz", session.system, session.state, {})
    with pytest.raises(UsageError, match=r"is the state of another tracker \(they differ in keep_s\)"):
        load_state(tmp_path / "a.npz", MultiObject(keep_s=4.0))
    (tmp_path / "b.npz").write_bytes(b"no state")
    with pytest.raises(UsageError, match="is no state that can be gone on from"):
        load_state(tmp_path / "b.npz", session.system)


def same(a, b):
    return all(
        x.keys() == y.keys() and all(x[k].dtype == y[k].dtype and np.array_equal(x[k], y[k], equal_nan=True) for k in x)
        for x, y in zip(a, b, strict=True)
    )


def in_batches(system, frames, size, folder):
    """Answers of sessions that see `size` frames each, and hand on their state by a file."""
    answers, path = [], folder / "state.npz"
    for start in range(0, len(frames), size):
        session = Session(system, {})
        if start:
            session.state, beside = load_state(path, system)
            assert beside == {"next": start}
        answers += [session.step(frame) for frame in frames[start : start + size]]
        save_state(path, system, session.state, {"next": start + size})
    return answers


@pytest.mark.parametrize(
    "name", [n if n in ("kerasvision", "bytetrack") else pytest.param(n, marks=pytest.mark.nightly) for n in SETTINGS]
)
def test_answers_do_not_depend_on_how_frames_are_batched_or_mixed(name, tmp_path):
    """Whole, in batches with the state written and read between, and two videos through one tracker: to the bit."""
    system = tracker_of(name, ["pictures=False"])
    videos = [[seen for seen, _ in frames_of(kind, seed=3, frames=96)] for kind in ("crowded", "walls")]
    whole = []
    for frames in videos:
        session = Session(system, {})
        whole.append([session.step(frame) for frame in frames])
    assert sum(len(a["ids"]) for a in whole[0]) > 500
    for size in (1, 7, 32):
        assert same(in_batches(system, videos[0], size, tmp_path), whole[0]), size
    sessions, mixed = [Session(system, {}) for _ in videos], ([], [])
    for pair in zip(*videos, strict=True):
        for n, frame in enumerate(pair):
            mixed[n].append(sessions[n].step(frame))
    assert all(same(a, b) for a, b in zip(mixed, whole, strict=True))
    sessions[0].restart()
    assert same([sessions[0].step(frame) for frame in videos[0]], whole[0])


def test_a_step_changes_neither_its_state_nor_its_inputs():
    system = MultiObject()
    state = system.start()
    for frame, _ in frames_of("crowded", seed=1, frames=20):
        held = {k: v.copy() for k, v in state.items()}
        given = {k: np.copy(v) for k, v in frame.items()}
        after, _ = system.step({}, state, frame)
        assert same([state, {k: np.asarray(v) for k, v in frame.items()}], [held, given])
        state = after


def association(system, kind, seed, every=1, keep=None):
    """AssA of one simulated video. keep: bool [N], which frames are not dropped."""
    session, judge = Session(system, {}), system.evaluator()
    for number, (frame, true) in enumerate(frames_of(kind, seed, frames=300)):
        if number % every == 0 and (keep is None or keep[number]):
            seen_boxes(judge, session.step(frame), true)
    return judge.result()["AssA"]


@pytest.mark.parametrize(
    ("seeds", "everies"), [(3, (2,)), pytest.param(9, (2, 3), marks=pytest.mark.nightly)], ids=["few", "many"]
)
def test_other_frame_rates_and_dropped_frames_cost_little(seeds, everies):
    """30 and 15 frames a second, and a fifth of the frames dropped at random; of more videos 10 a second too, where a
    single exchanged id of three videos is a fifth of what is allowed.
    """
    system, keep = tracker_of("kerasvision"), np.random.default_rng(0).random(300) < 0.8
    full = np.mean([association(system, "open", s) for s in range(seeds)])
    for how in ({"keep": keep}, *({"every": n} for n in everies)):
        assert np.mean([association(system, "open", s, **how) for s in range(seeds)]) >= full - 0.05, how


def test_a_tracker_is_a_part_that_recipes_can_name():
    made = create("systems/multi_object", keep_s=2)
    assert made == MultiObject(keep_s=2.0) and made.registered_name == "systems/multi_object"
    assert side(to_center(np.array([[0.0, 0, 4, 9]]))).tolist() == [6.0]
