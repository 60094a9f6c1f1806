"""Lines and zones: drawn paths of known crossings and stays, on both sides of each decision."""

import numpy as np
import pytest

from kerasvision.cli.places import events_of, in_words
from kerasvision.core.errors import UsageError
from kerasvision.systems import _places as places
from kerasvision.systems.base import Session, load_state, save_state
from kerasvision.systems.counting import DIRECTIONS, Counting, totals
from kerasvision.systems.multi_object import MultiObject

SIDE = 10.0  # of every box, so that a margin of 0.1 is a pixel
GATE = (("gate", (100.0, 0.0, 100.0, 80.0)),)  # goes down, so its right is where x falls
HALL = (("hall", (50.0, 50.0, 150.0, 50.0, 150.0, 150.0, 50.0, 150.0)),)


class Told:
    """A tracker that is told who is where."""

    registered_name, models, kind = "told", (), "systems"

    def start(self):
        return {"steps": np.array(0)}

    def step(self, models, state, inputs):
        held = {key: inputs[key] for key in ("ids", "labels", "boxes_xyxy")}
        return {"steps": state["steps"] + 1}, held


def session(**fields):
    return Session(Counting(tracker=Told(), anchor="center", **fields), {})


def frame(time, objects):
    """objects: {id: (x, y) of the center} or {id: (x, y, label)}."""
    at = np.array([o[:2] for o in objects.values()], float).reshape(-1, 2)
    labels = np.array([o[2] if len(o) > 2 else 0 for o in objects.values()], np.int64)
    boxes = np.concatenate([at - SIDE / 2, at + SIDE / 2], 1)
    return {"time": time, "ids": np.array(list(objects), np.int64), "labels": labels, "boxes_xyxy": boxes}


def crossings(path, **fields):
    """[right, left] of one object along points, a frame each; None: it is not found."""
    held = session(lines=GATE, **fields)
    for number, at in enumerate(path):
        held.step(frame(number / 10, {} if at is None else {7: at}))
    (row,) = totals(held.system, held.state)["lines"]
    assert sum(row["net"].values()) == sum(row["to_right"].values()) - sum(row["to_left"].values())
    return [sum(row[key].values()) for key in ("to_right", "to_left")]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([(120, 40), (110, 40), (90, 40), (80, 40)], [1, 0]),
        ([(80, 40), (120, 40)], [0, 1]),
        ([(120, 40), (80, 40), (120, 40)], [1, 1]),  # crossed back counts back
        ([(120, 40), (101.1, 40)], [0, 0]),
        ([(120, 40), (99.1, 40)], [0, 0]),  # over the line, and not yet clear of it
        ([(120, 40), (98.9, 40)], [1, 0]),
        ([(120, 40), (100, 40), (100, 40), (100.5, 40), (99.5, 40), (100, 40)], [0, 0]),  # stops on it
        ([(120, 40), (100, 40), (99.5, 40), (120, 40)], [0, 0]),  # and goes back
        ([(120, 40), (100, 40), (99.5, 40), (100.5, 40), (80, 40)], [1, 0]),  # and goes on
        ([(100, 40), (80, 40)], [0, 0]),  # was never on the other side
        ([(100, 40), (80, 40), (120, 40)], [0, 1]),
        ([(120, 79), (80, 79)], [1, 0]),
        ([(120, 80), (80, 80)], [1, 0]),  # the end is a part of the line
        ([(120, 81), (80, 81)], [0, 0]),
        ([(120, 90), (80, 60)], [1, 0]),  # passes at y = 75
        ([(120, 95), (80, 75)], [0, 0]),  # and at y = 85
        ([(120, 40), (120, 120), (80, 120), (80, 40)], [0, 0]),  # around its end
        ([(120, 40), None, None, (80, 40)], [1, 0]),  # lost, and found on the other side
        ([(120, 40), (80, 40), None, (80, 40), None, (79, 40)], [1, 0]),  # not twice
        ([(120, 40), (80, 40), None, (120, 40)], [1, 1]),
    ],
)
def test_a_line_is_crossed_between_its_ends_by_who_comes_from_one_side_and_is_clear_on_the_other(path, expected):
    assert crossings(path) == expected


def test_events_and_totals_call_directions_the_same():
    held, seen = session(lines=GATE), []
    for number, x in enumerate((120, 80, 120, 80)):
        answer = held.step(frame(number / 10, {7: (x, 40)}))
        seen += [e["direction"] for e in events_of({"lines": GATE, "zones": ()}, answer, ())["crossed"]]
    (row,) = totals(held.system, held.state)["lines"]
    assert seen == ["to_right", "to_left", "to_right"] and row["to_right"] == {"0": 2} and row["to_left"] == {"0": 1}
    assert set(seen) == set(DIRECTIONS) == set(row) - {"name", "net"}


def test_other_names_of_directions_are_those_of_events_too(monkeypatch):
    """There is one list of them."""
    monkeypatch.setattr("kerasvision.systems.counting.DIRECTIONS", ("east", "west"))
    held = session(lines=GATE)
    held.step(frame(0.0, {7: (120, 40)}))
    answer = held.step(frame(0.1, {7: (80, 40)}))
    (event,) = events_of({"lines": GATE, "zones": ()}, answer, ())["crossed"]
    (row,) = totals(held.system, held.state)["lines"]
    assert event["direction"] == "east" and row["east"] == {"0": 1}
    assert in_words({"lines": [row], "zones": []}) == ["gate: 1 to the right, 0 to the left"]


def test_a_margin_is_a_share_of_the_box_and_none_is_the_line_itself():
    path = [(120, 40), (97, 40)]
    assert crossings(path, margin=0.29) == [1, 0] and crossings(path, margin=0.31) == [0, 0]
    assert crossings([(120, 40), (100, 40)], margin=0.0) == [0, 0]
    assert crossings([(120, 40), (100, 40), (99.999, 40)], margin=0.0) == [1, 0]


def test_who_is_forgotten_begins_anew():
    for seconds, expected in ((0.9, 1), (1.1, 0)):
        held = session(lines=GATE, forget_s=1.0)
        held.step(frame(0.0, {1: (120, 40)}))
        held.step(frame(seconds - 0.01, {}))
        held.step(frame(seconds, {}))
        held.step(frame(seconds + 0.01, {1: (80, 40)}))
        assert len(held.step(frame(seconds + 0.02, {}))["crossed"]) == 0
        assert int(held.state["count_crossings"].sum()) == expected
        held.step(frame(9.0, {}))
        assert len(held.state["count_id"]) == 0


def test_counts_are_by_direction_and_class_and_said_in_the_frame():
    held = session(lines=GATE)
    held.step(frame(0.0, {1: (120, 40, 0), 2: (120, 20, 2), 3: (80, 60, 2)}))
    answer = held.step(frame(0.1, {3: (120, 60, 2), 2: (80, 20, 2), 1: (80, 40, 0)}))
    assert sorted(map(tuple, answer["crossed"].tolist())) == [(1, 0, 0, 0), (2, 0, 0, 2), (3, 0, 1, 2)]
    held.step(frame(0.2, {4: (80, 40, 1)}))
    (row,) = totals(held.system, held.state, ("cat", "dog", "cow"))["lines"]
    assert row == {
        "name": "gate",
        "to_right": {"cat": 1, "cow": 1},
        "to_left": {"cat": 0, "cow": 1},
        "net": {"cat": 1, "cow": 0},
    }


@pytest.mark.parametrize(
    ("path", "visits", "seconds"),
    [
        ([(40, 90), (60, 90), (70, 90), (80, 90), (40, 90)], 1, 0.2),
        ([(40, 90), (50.9, 90), (40, 90)], 0, 0),  # on the border, not clear inside
        ([(40, 90), (51.1, 90), (40, 90)], 1, 0),
        ([(60, 90), (49.1, 90), (60, 90), (40, 90)], 1, 0.2),  # on the border, not clear outside
        ([(60, 90), (48.9, 90), (60, 90), (40, 90)], 2, 0),
        ([(60, 90), None, None, (60, 90), (40, 90)], 1, 0.3),  # lost and found inside: one stay
        ([(60, 90), (61, 90), None, None, (40, 90)], 1, 0.1),  # found outside: until it was last seen
        ([(60, 90), (60, 90), (60, 90)], 1, 0.2),  # has not ended
    ],
)
def test_a_stay_lasts_from_the_first_frame_inside_to_the_last(path, visits, seconds):
    held, ended = session(zones=HALL), []
    for number, at in enumerate(path):
        ended += held.step(frame(number / 10, {} if at is None else {7: at}))["left"].tolist()
    (row,) = totals(held.system, held.state)["zones"]
    assert sum(row["visits"].values()) == visits
    assert row["longest_s"] == pytest.approx(seconds)
    assert row["mean_s"] == (pytest.approx(seconds) if visits else None)
    assert len(ended) == visits - row["inside"] and all(i == 7 and zone == 0 for i, zone, _ in ended)


def test_who_is_seen_in_a_zone_now_is_counted_and_the_forgotten_have_left():
    held = session(zones=HALL, forget_s=5.0)
    answer = held.step(frame(0.0, {1: (90, 90), 2: (10, 10), 3: (60, 60)}))
    assert answer["inside"].tolist() == [2] and answer["entered"].tolist() == [[1, 0], [3, 0]]
    assert held.step(frame(2.0, {1: (90, 90)}))["inside"].tolist() == [1]
    assert held.step(frame(5.1, {1: (90, 90)}))["left"].tolist() == [[3, 0, 0.0]]
    (row,) = totals(held.system, held.state)["zones"]
    assert (row["visits"], row["inside"], row["mean_s"]) == ({"0": 2}, 1, pytest.approx(2.55))


def test_who_is_lost_is_not_inside_and_has_stayed_all_the_same():
    """One that gets a new number in every frame: five visits, and one inside, of who is seen there in the last one."""
    held = session(zones=HALL)
    for number in range(5):
        held.step(frame(number / 10, {number + 1: (90, 90)}))
    (row,) = totals(held.system, held.state)["zones"]
    assert (row["visits"], row["inside"], row["longest_s"]) == ({"0": 5}, 1, 0.0)
    held.step(frame(0.7, {5: (91, 90)}))
    (row,) = totals(held.system, held.state)["zones"]
    assert (row["visits"], row["inside"], row["longest_s"]) == ({"0": 5}, 1, pytest.approx(0.3))
    held.step(frame(0.8, {}))
    (row,) = totals(held.system, held.state)["zones"]
    assert (row["visits"], row["inside"], row["longest_s"]) == ({"0": 5}, 0, pytest.approx(0.3))


def test_depth_in_a_polygon_is_matplotlib_s_inside_and_the_distance_to_its_sides():
    from matplotlib.path import Path

    rng = np.random.default_rng(0)
    for _ in range(20):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        corners = rng.uniform(5, 40, (9, 1)) * np.stack([np.cos(angles), np.sin(angles)], 1)
        points = rng.uniform(-45, 45, (300, 2))
        deep = places.depth(points, corners)
        assert ((deep > 0) == Path(corners).contains_points(points)).all()
        along = np.linspace(0, 1, 4001)[:, None, None]
        border = (corners + along * (np.roll(corners, -1, 0) - corners)).reshape(-1, 2)
        near = np.sqrt(((points[:30, None] - border) ** 2).sum(-1)).min(1)
        np.testing.assert_allclose(np.abs(deep[:30]), near, atol=0.02)  # half a step of 80 / 4000, squared up
    star = np.array([[0, -10], [6, 8], [-9, -3], [9, -3], [-6, 8.0]])
    assert places.depth(np.array([[0.0, 0.0], [0.0, -8.0]]), star)[0] < 0  # its middle is enclosed twice
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    assert places.depth(np.array([[1.0, 2], [-3, -4], [0, 2]]), square).tolist() == [1.0, -5.0, 0.0]
    assert places.area(square) == places.area(square[::-1]) == 16.0
    assert places.beside(np.array([[0.0, 5.0]]), np.zeros(2), np.array([9.0, 0.0])).tolist() == [5.0]


def test_it_goes_on_exactly_and_not_with_other_lines(tmp_path):
    """Over a tracker of the library; who is where is saved with it."""
    system = Counting(MultiObject(), GATE, HALL, "center")
    rng = np.random.default_rng(3)
    walks = rng.uniform(40, 160, (8, 2)) + np.cumsum(rng.normal(0, 3, (60, 8, 2)), 0)
    frames = [
        {"time": n / 10, "boxes_xyxy": np.concatenate([w - 8, w + 8], 1), "scores": np.full(8, 0.9)}
        for n, w in enumerate(walks)
    ]
    whole, half = Session(system, {}), Session(system, {})
    wanted = [whole.step(one) for one in frames]
    assert sum(len(a["crossed"]) for a in wanted) and sum(len(a["left"]) for a in wanted)
    for one in frames[:25]:
        half.step(one)
    save_state(tmp_path / "a.npz", system, half.state, {})
    other = Session(system, {})
    other.state, _ = load_state(tmp_path / "a.npz", system)
    for one, answer in zip(frames[25:], wanted[25:], strict=True):
        assert {k: v.tobytes() for k, v in other.step(one).items()} == {k: v.tobytes() for k, v in answer.items()}
    assert totals(system, other.state) == totals(system, whole.state)
    with pytest.raises(UsageError, match=r"another tracker or of other lines and zones \(they differ in lines\)"):
        load_state(tmp_path / "a.npz", Counting(MultiObject(), (("gate", (0.0, 0.0, 1.0, 1.0)),), HALL, "center"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"lines": (("a", (1.0, 2.0, 1.0, 2.0)),)}, "line a: 1,2,1,2; give x0,y0,x1,y1 of two points that are apart"),
        ({"lines": (("a", (1.0, 2.0, 3.0)),)}, "line a: 1,2,3; give x0,y0,x1,y1"),
        ({"lines": (("a", (1.0, 2.0, 3.0, np.nan)),)}, "a: 1,2,3,nan has a number that is not finite"),
        ({"zones": (("a", (0.0, 0.0, 5.0, 5.0)),)}, "zone a: 0,0,5,5; give x,y of three or more corners"),
        ({"zones": (("a", (0.0, 0.0, 5.0, 5.0, 9.0, 9.0)),)}, "zone a: .* around an area"),
        ({"lines": GATE, "zones": (("gate", HALL[0][1]),)}, "gate is the name of two lines or zones"),
        ({"margin": -1.0}, "margin -1, forget_s 600; allowed: 0 or more, above 0"),
    ],
)
def test_what_cannot_be_counted_is_one_line(fields, said):
    with pytest.raises(UsageError, match=said):
        Counting(**fields)
