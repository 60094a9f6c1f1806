"""What tests cost is kept by group, dear groups come first, and turns share what is left among them."""

import types

import pytest

from tests import costs


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
