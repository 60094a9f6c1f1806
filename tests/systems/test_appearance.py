"""What objects look like, beside where they are: pairs as of scipy, gates on both sides, and scenes in which identities
are kept by appearance alone.
"""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.metrics.tracking import Tracking
from kerasvision.systems import _looks as looks_of
from kerasvision.systems._looks import LOOKS
from kerasvision.systems.base import Session, load_state, save_state
from kerasvision.systems.multi_object import MultiObject
from kerasvision.systems.simulated import frames_of, seen_boxes
from kerasvision.systems.trackers import tracker_of

SIZE = 20.0
BY_LOOKS = MultiObject(appearance=1.0, camera=False)
UNIT = np.eye(4)


def turned(degrees, axis=0, other=1):
    """A unit vector so far from one of the axes."""
    angle = np.deg2rad(degrees)
    return np.cos(angle) * UNIT[axis] + np.sin(angle) * UNIT[other]


def frame(time, *objects, scores=None):
    """objects: (x, y, embedding) each, boxes of 20 x 20."""
    at = np.array([o[:2] for o in objects], float).reshape(-1, 2)
    looks = np.array([o[2] for o in objects], float).reshape(len(objects), -1 if objects else 4)
    scores = np.full(len(objects), 0.9) if scores is None else np.array(scores)
    return {"time": time, "boxes_xyxy": np.concatenate([at, at + SIZE], 1), "scores": scores, "embeddings": looks}


def without(held):
    return {key: value for key, value in held.items() if key != "embeddings"}


def test_pairs_are_scipy_s_of_the_summed_costs():
    """Tracks seen once and detections near them: IoU and cosine together, of those that overlap by 0.2 or more, where a
    pair counts 1 more than the worst of them.
    """
    tracker = MultiObject(
        appearance=0.7, look_quality=0.2, camera=False, recover=False, return_gate=0.0, direction_weight=0.0
    )
    rng, changed = np.random.default_rng(0), 0
    for _ in range(40):
        first = rng.uniform(0, 45, (6, 2))
        second = first + rng.normal(0, 6, (6, 2))
        looks = [rng.normal(0, 1, (6, 4)) for _ in range(2)]
        session = Session(tracker, {})
        session.step(frame(0.0, *((*p, v) for p, v in zip(first, looks[0], strict=True)), scores=[1.0] * 6))
        answer = session.step(frame(1e-3, *((*p, v) for p, v in zip(second, looks[1], strict=True)), scores=[1.0] * 6))
        boxes = [np.concatenate([p, p + SIZE], 1) for p in (first, second)]
        low = np.maximum(boxes[0][:, None, :2], boxes[1][None, :, :2])
        shared = np.prod(np.maximum(np.minimum(boxes[0][:, None, 2:], boxes[1][None, :, 2:]) - low, 0), -1)
        iou = shared / (2 * SIZE**2 - shared)
        quality = [1 - _covered(b) for b in boxes]
        known = (quality[0] >= 0.2)[:, None] & (quality[1] >= 0.2)[None]
        cosines = np.where(known, 1 - cdist(*looks, "cosine"), 0.0)
        columns, plain = (assigned(iou + weight * cosines, iou >= 0.2) for weight in (0.7, 0.0))
        changed += columns != plain
        for row, column in columns.items():
            assert row + 1 in answer["ids"]
            observed = session.state["observed"][session.state["id"] == row + 1][0]
            np.testing.assert_allclose(observed[:2], second[column] + SIZE / 2)
    assert changed > 10  # looks decide


def assigned(gain, allowed):
    """{row: column} by scipy."""
    pairs = zip(
        *linear_sum_assignment(np.where(allowed, gain + 1 - gain[allowed].min(), 0.0), maximize=True), strict=True
    )
    return {int(row): int(column) for row, column in pairs if allowed[row, column]}


def _covered(boxes):
    shared = [[_shared(a, b) if m != n else 0.0 for n, b in enumerate(boxes)] for m, a in enumerate(boxes)]
    return np.max(shared, 1) / SIZE**2


def _shared(a, b):
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def test_a_bank_is_the_mean_of_the_last_good_looks_weighted_by_how_good_they_were():
    found = {"look": UNIT[:2], "quality": np.array([0.5, 0.49])}
    tracks = looks_of.begun(found, 0.5)
    assert tracks["worth"].sum(1).tolist() == [0.5, 0.0]
    tracks = looks_of.added(tracks, {"look": UNIT[[1, 1]], "quality": np.array([1.0, 0.8])}, 0.5)
    seen = {"look": UNIT[:2], "quality": np.array([0.9, 0.4])}
    cosines, known = looks_of.likeness(tracks, seen, 0.5)
    assert known.tolist() == [[True, False], [True, False]]
    np.testing.assert_allclose(cosines, [[0.5 / np.hypot(0.5, 1), 0], [0, 0]])
    for _ in range(LOOKS):
        tracks = looks_of.added(tracks, {"look": UNIT[[2, 2]], "quality": np.ones(2)}, 0.5)
    assert looks_of.likeness(tracks, {"look": UNIT[[2]], "quality": np.ones(1)}, 0.5)[0].tolist() == [[1.0], [1.0]]


def test_the_quality_of_a_look_is_the_score_of_what_no_other_box_covers():
    observed = np.array([[10.0, 10, 20, 20], [20, 10, 20, 20], [90, 90, 20, 20], [90, 90, 4, 4]])
    held = {"embeddings": np.concatenate([3 * UNIT[:3], [[np.nan] * 4]])}
    found = looks_of.read(held, np.ones(4, bool), observed, np.array([0.8, 1.0, 0.5, 0.9]))
    np.testing.assert_allclose(found["quality"], [0.4, 0.5, 0.5 * 0.96, 0.0])
    np.testing.assert_allclose(found["look"], np.concatenate([UNIT[:3], np.zeros((1, 4))]))


def met_behind_a_wall(tracker, looks=True):
    """[ids of the upper and the lower object] before and after they meet behind a wall, where both turn around."""
    session, seen = Session(tracker, {}), []
    for n in range(60):
        away = abs(30 - n)
        objects = [(200 - 5 * away, 100, turned(8 * (n % 2))), (200 + 5 * away, 100, turned(8 * (n % 2), 2, 3))]
        held = frame(n / 20, *(objects if away > 5 else ()))  # 25 px on either side are hidden
        answer = session.step(held if looks else without(held))
        by_place = dict(zip(answer["boxes_xyxy"][:, 0] < 200, answer["ids"].tolist(), strict=True))
        seen.append([by_place.get(left) for left in (True, False)])
    return seen[20], seen[50]


def test_identities_through_an_occlusion_are_kept_by_appearance_alone():
    before, after = met_behind_a_wall(MultiObject(camera=False), looks=False)
    assert before != after  # whoever goes straight on is taken for the other one
    for tracker in (BY_LOOKS, tracker_of("bytetrack", ["appearance=1"])):
        before, after = met_behind_a_wall(tracker)
        assert before == after == [1, 2]


def test_behind_walls_looks_keep_what_motion_loses():
    """Simulated, not with the seeds by which thresholds were chosen (10 and 11): half of the switches are gone."""
    figures = {}
    for settings in ((), ("appearance=1",)):
        session, judge = Session(tracker_of("kerasvision", settings), {}), Tracking()
        for held, true in frames_of("walls", seed=1, looks=bool(settings)):
            seen_boxes(judge, session.step(held), true)
        figures[settings] = judge.result()
    plain, by_looks = figures.values()
    assert by_looks["AssA"] >= plain["AssA"] + 0.05 and 2 * by_looks["switches"] <= plain["switches"]


@pytest.mark.parametrize(
    ("degrees", "x", "is_back"), [(66, 0, True), (67, 0, False), (41, 500, True), (42, 500, False)]
)
def test_a_lost_object_comes_back_where_it_looks_alike(degrees, x, is_back):
    """cos 66.4 degrees is 0.4, cos 41.4 degrees 0.75: less is enough where all else says that it is the same."""
    assert returned(turned(degrees), x, 1.0) == ([1] if is_back else [])


@pytest.mark.parametrize(("seconds", "is_back"), [(9.9, True), (10.2, False)])
def test_one_that_was_away_for_long_comes_back_from_anywhere(seconds, is_back):
    assert returned(UNIT[0], 500, seconds, MultiObject(appearance=1.0, remember_s=10.0)) == ([1] if is_back else [])
    assert returned(UNIT[0], 500, 9.9, MultiObject(camera=False)) == []
    assert returned(UNIT[1], 500, 9.9) == []


@pytest.mark.parametrize(("seconds", "is_back"), [(0.99, True), (1.01, False)])
def test_less_than_is_kept_may_be_remembered(seconds, is_back):
    """Within `keep_s`, in which a track is kept for its way: from anywhere it comes back for `remember_s` alone."""
    assert returned(UNIT[0], 500, seconds, MultiObject(appearance=1.0, remember_s=1.0)) == ([1] if is_back else [])
    assert returned(UNIT[0], 0, 1.01, MultiObject(appearance=1.0, remember_s=0.0)) == [1]
    for fields in ({"remember_s": -1.0}, {"remember_s": np.nan}, {"keep_s": -1.0}):
        with pytest.raises(UsageError, match=r"remember_s .*; allowed: 1 or more, 0 or more, 0 or more"):
            MultiObject(**fields)


def test_a_track_may_be_born_before_anything_was_looked_at():
    """Looks of no numbers are none: it gets some later, and comes back by them."""
    session = Session(BY_LOOKS, {})
    unseen = frame(0.0, (0, 0, UNIT[0]))
    session.step(unseen | {"embeddings": np.zeros((1, 0))})
    assert session.state["looks"].shape == (1, LOOKS, 0)
    for n in range(1, 4):
        assert session.step(frame(n / 10, (0, 0, UNIT[0])))["ids"].tolist() == [1]
    assert session.state["worth"][0, -4:].tolist() == [0.0, 0.9, 0.9, 0.9]
    session.step(frame(0.4))
    assert session.step(frame(0.5, (500, 0, UNIT[0])))["ids"].tolist() == [1]


def test_a_look_that_is_hardly_seen_decides_nothing():
    """A bad one neither brings an object back from afar nor keeps it from where it is expected."""
    assert returned(UNIT[0], 500, 1.0, score=0.55) == [1] and returned(UNIT[0], 500, 1.0, score=0.49) == []
    strict = MultiObject(appearance=1.0, look_quality=0.6)
    assert returned(UNIT[0], 500, 1.0, strict, 0.55) == [] and returned(UNIT[0], 500, 1.0, strict, 0.61) == [1]
    assert returned(UNIT[1], 0, 1.0, strict, 0.55) == [1] and returned(UNIT[1], 0, 1.0, strict, 0.61) == []


def returned(look, x, seconds, tracker=BY_LOOKS, score=0.9):
    """Ids in the frame in which an object that stood at 0 is seen again."""
    session = Session(tracker, {})
    for n in range(5):
        held = frame(n / 10, (0, 0, UNIT[0]), (900, 900, UNIT[3]))
        session.step(held if tracker.appearance else without(held))
    held = frame(0.41, (900, 900, UNIT[3]))
    session.step(held if tracker.appearance else without(held))
    held = frame(0.4 + seconds, (x, 0, look), (900, 900, UNIT[3]), scores=[score, 0.9])
    answer = session.step(held if tracker.appearance else without(held))
    return [i for i, box in zip(answer["ids"].tolist(), answer["boxes_xyxy"], strict=True) if box[0] < 800]


def test_one_that_comes_back_from_afar_moves_on_from_there():
    """Of its way nothing is known: no speed of 500 px in 5 s."""
    session = Session(BY_LOOKS, {})
    for n in range(5):
        session.step(frame(n / 10, (0, 0, UNIT[0])))
    session.step(frame(0.5))
    for n in range(3):
        answer = session.step(frame(5.5 + n / 10, (500, 0, UNIT[0])))
        assert answer["ids"].tolist() == [1]
        np.testing.assert_allclose(answer["boxes_xyxy"][0], [500, 0, 520, 20], atol=0.5)


def test_looks_are_a_part_of_the_state(tmp_path):
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 300, (7, 2)) + np.cumsum(rng.normal(0, 4, (40, 7, 2)), 0)
    looks = rng.normal(0, 1, (7, 8))
    held = []
    for n in range(40):
        there = rng.random(7) > 0.3
        held.append(frame(n / 10, *((*p, v) for p, v, t in zip(places[n], looks, there, strict=True) if t)))
    whole, half = Session(BY_LOOKS, {}), Session(BY_LOOKS, {})
    wanted = [whole.step(one) for one in held]
    for one in held[:15]:
        half.step(one)
    save_state(tmp_path / "a.npz", BY_LOOKS, half.state, {})
    other = Session(BY_LOOKS, {})
    other.state, _ = load_state(tmp_path / "a.npz", BY_LOOKS)
    for one, answer in zip(held[15:], wanted[15:], strict=True):
        assert {k: v.tobytes() for k, v in other.step(one).items()} == {k: v.tobytes() for k, v in answer.items()}


def test_what_cannot_be_looked_at_is_one_line():
    session = Session(BY_LOOKS, {})
    good = frame(0.0, (0, 0, UNIT[0]))
    with pytest.raises(UsageError, match="appearance above 0 needs what each box looks like"):
        session.step(without(good))
    with pytest.raises(KerasVisionError, match=r"embeddings of shape \(2, 4\) for 1 boxes; give a row each"):
        session.step(good | {"embeddings": UNIT[:2]})
    with pytest.raises(KerasVisionError, match="an embedding has a number that is not finite"):
        session.step(good | {"embeddings": [[1.0, np.inf, 0, 0]]})
    session.step(good)
    with pytest.raises(KerasVisionError, match="an embedding of 3 numbers after ones of 4"):
        session.step(frame(1.0, (0, 0, UNIT[0, :3])))
    for fields in ({"appearance": -1.0}, {"least_likeness": 1.1}, {"unlike": 0.8}, {"look_quality": 2.0}):
        with pytest.raises(UsageError, match="allowed: 0 or more, -1 to 1, none less than that, 0 to 1"):
            MultiObject(**fields)
