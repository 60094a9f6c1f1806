"""Tracks of a whole video, joined, filled and smoothed: against Gaussian conditioning, on both sides of each gate, and
on simulated scenes.
"""

import dataclasses

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.metrics.tracking import Tracking
from kerasvision.ops.slots import Noise
from kerasvision.systems import _kalman as kalman
from kerasvision.systems.base import Session
from kerasvision.systems.offline import Offline, Record
from kerasvision.systems.simulated import frames_of, seen_boxes
from kerasvision.systems.trackers import tracker_of
from tests.systems.test_appearance import turned
from tests.systems.test_multi_object import matrices

NOISE, RATE, SIDE = Noise(), 10.0, 20.0
FAR = np.array([4000.0, 4000.0])


def test_the_smoother_is_gaussian_conditioning_on_all_that_was_seen():
    """All values and velocities at once are one Gaussian vector, of which some entries were seen with noise."""
    rng, unit = np.random.default_rng(0), 24.0
    times = np.cumsum(rng.uniform(0.02, 0.4, 9))
    observed = rng.normal(50, 8, (9, 4))
    observed[[2, 3, 6]] = np.nan
    found = kalman.smoothed(observed, times, unit, NOISE)
    cov = np.zeros((9, 9, 2, 2))
    cov[0, 0] = np.diag([(2 * NOISE.seen * unit) ** 2, (NOISE.speed * unit) ** 2])
    steps = [matrices(seconds, unit) for seconds in np.diff(times)]
    for n, (step, spread) in enumerate(steps):
        cov[n + 1, n + 1] = step @ cov[n, n] @ step.T + spread
    for a in range(9):
        for b in range(a + 1, 9):
            cov[a, b] = cov[a, b - 1] @ steps[b - 1][0].T
            cov[b, a] = cov[a, b].T
    whole = cov.transpose(0, 2, 1, 3).reshape(18, 18)
    seen = 2 * np.flatnonzero(~np.isnan(observed[1:, 0])) + 2
    for k in range(4):
        mean = np.tile([observed[0, k], 0.0], 9)
        shown = observed[seen // 2, k]
        noise = (NOISE.seen * unit) ** 2 * np.eye(len(seen))
        gain = whole[:, seen] @ np.linalg.inv(whole[np.ix_(seen, seen)] + noise)
        wanted = mean + gain @ (shown - mean[seen])
        np.testing.assert_allclose(found[:, k].ravel(), wanted, rtol=1e-8, atol=1e-8)


def recorded(tracks, frames=100):
    """A record at 10 Hz. tracks: {id: ({frame: (x, y)}, look or None)}, boxes of 20 x 20, label 0 or a third entry."""
    record = Record()
    for n in range(frames):
        held = {i: track for i, track in tracks.items() if n in track[0]}
        at = np.array([track[0][n] for track in held.values()], float).reshape(-1, 2)
        answer = {"boxes_xyxy": np.concatenate([at, at + SIDE], 1), "ids": np.array(list(held), np.int64)}
        answer |= {"scores": np.linspace(0.9, 0.8, len(held)), "labels": np.array([(*t, 0)[2] for t in held.values()])}
        if all(track[1] is not None for track in tracks.values()):
            answer["looks"] = np.array([track[1] for track in held.values()]).reshape(-1, 4)
        record.add(n, n / RATE, answer)
    return record


def line(frames, start=(0.0, 0.0), speed=(2.0, 1.0)):
    return {n: np.array(start) + n * np.array(speed) for n in frames}


def ids_of(record, **fields):
    found = record.revised(Offline(**fields))
    counts = {"joined": found.joined, "filled": found.filled}
    return {int(i) for *_, answer in found.frames for i in answer["ids"]}, counts


def test_two_parts_of_a_straight_way_are_one_and_the_gap_is_filled():
    record = recorded({3: (line(range(5, 30)), None), 7: (line(range(40, 60)), None), 8: (line(range(99), FAR), None)})
    found = record.revised(Offline())
    assert (found.joined, found.filled, len(found.frames), found.looks) == (1, 10, 100, {})
    for number, time, answer in found.frames:
        assert time == number / RATE
        assert answer["ids"].tolist() == ([3] if 5 <= number < 60 else []) + ([8] if number < 99 else [])
        if 30 <= number < 40:
            assert answer["filled"].tolist() == [True, False]
            assert answer["scores"][0] == 0.9
        if 7 < number < 60:
            at = np.array([2.0 * number, number])
            np.testing.assert_allclose(answer["boxes_xyxy"][0], [*at, *(at + SIDE)], atol=0.02)


def test_boxes_that_were_seen_may_stay_as_they_were():
    rng = np.random.default_rng(1)
    way = {n: at + rng.normal(0, 1, 2) for n, at in line(range(40)).items()}
    for smooth in (True, False):
        frames = recorded({1: (way, None)}, 40).revised(Offline(smooth=smooth)).frames
        found = np.array([answer["boxes_xyxy"][0, :2] for *_, answer in frames])
        apart = [np.abs(found - np.array(list(held.values()))).mean() for held in (way, line(range(40)))]
        assert (apart[0] < 1e-9) == (not smooth)
        if smooth:
            assert apart[1] < 0.7 * np.sqrt(2 / np.pi)  # the mean of what was added


@pytest.mark.parametrize(("begin", "is_joined"), [(49, True), (50, True), (51, False)])
def test_tracks_are_joined_within_seconds(begin, is_joined):
    """2 s from frame 30 on; a gap is filled by its own limit."""
    record = recorded({1: (line(range(31)), None), 2: (line(range(begin, 70)), None)})
    ids, counts = ids_of(record, join_s=2.0, fill_s=1.9)
    assert ids == ({1} if is_joined else {1, 2})
    assert counts["filled"] == (18 if begin == 49 else 0)


def by_hand(gap, shift):
    """Standard deviations between two tracks of one sight each, in y alone: both speeds are unknown."""
    first = np.diag([(2 * NOISE.seen * SIDE) ** 2, (NOISE.speed * SIDE) ** 2])
    step, spread = matrices(gap, SIDE)
    total = step @ first @ step.T + spread + first
    apart = np.array([shift, 0.0])
    return np.sqrt(apart @ np.linalg.inv(total) @ apart)


@pytest.mark.parametrize(("factor", "is_joined"), [(0.999, True), (1.001, False)])
def test_the_gate_is_in_standard_deviations(factor, is_joined):
    shift = 3.0 / by_hand(0.5, 1.0) * factor
    record = recorded({1: ({10: (0.0, 0.0)}, None), 2: ({15: (0.0, shift)}, None)})
    assert ids_of(record, gate=3.0)[0] == ({1} if is_joined else {1, 2})


@pytest.mark.parametrize(
    ("degrees", "start", "is_joined"),
    [(66.0, (0, 0), True), (67.0, (0, 0), False), (41.0, (3000, 0), True), (42.0, (3000, 0), False)],
)
def test_looks_join_from_anywhere_and_keep_apart(degrees, start, is_joined):
    """cos 66.42 deg = 0.4, cos 41.41 deg = 0.75."""
    parts = {1: (line(range(30)), turned(0)), 2: (line(range(36, 60), start), turned(degrees))}
    assert ids_of(recorded(parts))[0] == ({1} if is_joined else {1, 2})
    revised = recorded(parts).revised(Offline())
    assert revised.filled == (6 if is_joined and start == (0, 0) else 0), "an object did not fly across the picture"
    for number, _, answer in revised.frames:  # nor is what was seen pulled towards where it was before
        for box in answer["boxes_xyxy"][~answer["filled"]]:
            seen = {**parts[1][0], **parts[2][0]}[number]
            assert np.abs(box[:2] - seen).max() < 60
    looks = revised.looks  # of frames, 30 and 24
    wanted = 30 * turned(0) + 24 * turned(degrees) if is_joined else turned(0)
    np.testing.assert_allclose(looks[1], wanted / np.linalg.norm(wanted), atol=1e-12)


def test_what_cannot_be_one_is_not_joined():
    """At the same time, of another label, twice as large; of two that fit the better one."""
    assert ids_of(recorded({1: (line(range(30)), None), 2: (line(range(29, 60)), None)}))[0] == {1, 2}
    other = {1: (line(range(30)), None), 2: (line(range(33, 60)), None, 1)}
    assert ids_of(recorded(other))[0] == {1, 2} and ids_of(recorded(other), across_classes=True)[0] == {1}
    near = {1: (line(range(30)), None), 2: (line(range(33, 60), (0, 6)), None), 3: (line(range(33, 60)), None)}
    assert ids_of(recorded(near))[0] == {1, 2}
    three = {1: (line(range(30)), None), 2: (line(range(33, 50)), None), 3: (line(range(55, 60)), None)}
    assert ids_of(recorded(three)) == ({1}, {"joined": 2, "filled": 8})
    assert ids_of(Record()) == (set(), {"joined": 0, "filled": 0})


@pytest.mark.parametrize("looks", [False, True])
def test_of_simulated_walls_identities_are_kept_longer(looks):
    """With defaults, by seeds that nothing was chosen by."""
    before, after = Tracking(), Tracking()
    tracker = tracker_of("bytetrack", ["smooth=False", *(["appearance=1"] if looks else [])])
    for seed in (21, 22):
        session, record, held = Session(tracker, {}), Record(tracker.noise), []
        for number, (frame, true) in enumerate(frames_of("walls", seed, frames=200, looks=looks)):
            answer = session.step(frame)
            seen_boxes(before, answer, true, seed)
            record.add(number, frame["time"], answer)
            held.append(true)
        for (*_, answer), true in zip(record.revised(Offline()).frames, held, strict=True):
            seen_boxes(after, answer, true, seed)
    before, after = before.result(), after.result()
    print({key: (round(before[key], 3), round(after[key], 3)) for key in ("HOTA", "AssA", "DetA", "switches")})
    assert after["AssA"] > before["AssA"]


def test_what_is_wrong_is_one_line():
    for fields in ({"join_s": -1.0}, {"fill_s": np.nan}, {"gate": -1.0}):
        with pytest.raises(UsageError, match=r"join_s .*, fill_s .*, gate .*; allowed: 0 or more"):
            Offline(**fields)
    with pytest.raises(UsageError, match=r"unlike 0.8, least_likeness 0.75; allowed: -1 to 1"):
        Offline(unlike=0.8)
    record = recorded({1: (line(range(3)), None)}, 3)
    with pytest.raises(KerasVisionError, match=r"a frame of 0.2 s after one of 0.2 s; time goes on"):
        record.add(3, 0.2, {})
    assert dataclasses.replace(Offline(), gate=0.0).gate == 0
