"""What tests cost is kept by group, dear groups come first, and turns share what is left among them."""

import types

import pytest

from tests import costs
from tests.conftest import _group_of


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/a/test_b.py::test_c", "tests/a/test_b.py"),
        ("tests/a/test_b.py::test_c[me@example.com]", "tests/a/test_b.py"),
        ("tests/a/test_b.py::test_c[x]@tests/a/test_b.py", "tests/a/test_b.py"),
        ("tests/a/test_b.py::test_c[x]@tests/a/test_b.py detection/yolo", "tests/a/test_b.py detection/yolo"),
    ],
)
def test_a_group_is_what_a_worker_takes_at_once(nodeid, group):
    assert costs.group_of(nodeid) == group


def items_of(*names):
    return [types.SimpleNamespace(group=name.split("::")[0], name=name) for name in names]


def test_dear_groups_come_first_and_unknown_ones_are_dear(monkeypatch):
    monkeypatch.setattr(costs, "recorded", lambda: {"cheap": 1.0, "dear": 100.0})
    items = items_of("cheap::1", "dear::1", "new::1", "cheap::2", "dear::2")
    costs.dearest_first(items, [item.group for item in items])
    assert [item.name for item in items] == ["dear::1", "dear::2", "new::1", "cheap::1", "cheap::2"]


def test_turns_share_all_groups_among_them():
    told = []
    config = types.SimpleNamespace(hook=types.SimpleNamespace(pytest_deselected=lambda items: told.extend(items)))
    names = ["a::1", "a::2", "b::1", "c::1", "d::1", "d::2"]
    turns = []
    for turn in (1, 2):
        items = items_of(*names)
        costs.Turn(f"{turn}/2", lambda item: item.group).pytest_collection_modifyitems(config, items)
        turns.append([item.name for item in items])
    assert turns == [["a::1", "a::2", "c::1"], ["b::1", "d::1", "d::2"]]
    assert sorted(item.name for item in told) == sorted(names)


@pytest.mark.parametrize("words", ["0/3", "4/3", "3", "a/b"])
def test_a_turn_that_is_none_is_one_line(words):
    with pytest.raises(pytest.UsageError, match="K/N with 1 <= K <= N"):
        costs.Turn(words, None)


def test_a_mark_says_by_which_argument_work_is_parted():
    def group(mark, **params):
        item = types.SimpleNamespace(nodeid="tests/a/test_b.py::test_c[x]", get_closest_marker=lambda name: mark)
        return _group_of(types.SimpleNamespace(**vars(item), callspec=types.SimpleNamespace(params=params)))

    by_name = pytest.mark.group_by("name").mark
    assert group(by_name, name="detection/yolo", other="x") == "tests/a/test_b.py detection/yolo"
    assert group(by_name, other="x") == group(None, name="detection/yolo") == "tests/a/test_b.py"


def test_a_new_test_file_is_cheap():
    """Where it is known to be dear it may only become cheaper."""
    dear = {name: spent for name, spent in costs.recorded().items() if spent > costs.DEAR.get(name, costs.ALLOWED)}
    assert not dear, (
        f"more than {costs.ALLOWED:.0f} s of processor time, or than DEAR in tests/costs.py allows: {dear}. Read what "
        "others have made (tests/store.py), take a smaller network, or mark `nightly` what one of a kind stands for"
    )


def test_a_file_that_has_become_cheap_stays_so():
    idle = [name for name in costs.DEAR if costs.recorded().get(name, 0.0) <= costs.ALLOWED]
    assert not idle, f"take out of DEAR in tests/costs.py: {idle}"


def test_recording_replaces_the_files_that_ran_and_drops_those_that_have_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "PATH", tmp_path / "costs.json")
    costs.PATH.write_text('{"tests/test_costs.py x": 1.0, "tests/test_store.py": 2.0, "tests/test_gone.py": 3.0}')
    costs.record({"tests/test_costs.py y": 4.04})
    assert costs.recorded() == {"tests/test_costs.py y": 4.0, "tests/test_store.py": 2.0}


@pytest.mark.parametrize(
    "part", [{"keyword": "some"}, {"turn": "1/2"}, {"markexpr": "slow"}, {"args": ["tests/test_a.py::test_b"]}, {}]
)
def test_parts_of_files_are_not_recorded(part):
    options = {"keyword": "", "turn": None, "markexpr": "not slow"} | part
    config = types.SimpleNamespace(option=types.SimpleNamespace(**options), args=part.get("args", ["tests"]))
    config.getini = lambda name: ["-n", "2", "-m", "not slow"]
    if not part:
        costs.refuse_parts(config)
        return
    with pytest.raises(pytest.UsageError, match="--record-costs measures whole files: leave out -k, -m"):
        costs.refuse_parts(config)
