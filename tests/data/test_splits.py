"""Splits: shares, determinism, groups."""

import collections

import numpy as np
import pytest

from kerasvision.core.errors import UsageError
from kerasvision.data import splits

FRACTIONS = {"validation": 0.1, "test": 0.2}


def test_every_class_has_its_share():
    labels = ["a"] * 100 + ["b"] * 50 + ["c"] * 10
    count = collections.Counter(zip(labels, splits.stratified(labels, FRACTIONS, seed=3), strict=True))
    assert count["a", "test"] == 20
    assert count["a", "validation"] == 10
    assert count["b", "test"] == 10
    assert count["b", "validation"] == 5
    assert count["c", "test"] == 2
    assert count["c", "validation"] == 1


def test_equal_seeds_agree_and_others_differ():
    labels = list(range(5)) * 40
    one = splits.stratified(labels, FRACTIONS, seed=1)
    assert one == splits.stratified(labels, FRACTIONS, seed=1)
    assert one != splits.stratified(labels, FRACTIONS, seed=2)


def test_a_class_of_few_keeps_training():
    labels = ["a"] * 1 + ["b"] * 2 + ["c"] * 3
    names = splits.stratified(labels, {"validation": 0.15, "test": 0.15}, seed=0)
    count = collections.Counter(zip(labels, names, strict=True))
    assert count["a", "train"] == count["b", "train"] == count["c", "train"] == 1
    assert count["b", "validation"] == count["c", "validation"] == count["c", "test"] == 1


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_whole_and_shares_hold(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 60, 600).tolist()
    labels = [g % 3 for g in groups]
    names = splits.stratified(labels, FRACTIONS, seed, groups)
    held = collections.defaultdict(set)
    for group, name in zip(groups, names, strict=True):
        held[group].add(name)
    assert all(len(s) == 1 for s in held.values())
    assert abs(names.count("test") / 600 - 0.2) < 0.05
    assert abs(names.count("validation") / 600 - 0.1) < 0.05


def test_one_huge_group_still_leaves_something_to_judge_by():
    groups = [0] * 90 + [1] * 4 + [2] * 6
    names = splits.stratified(["a"] * 100, FRACTIONS, 0, groups)
    assert set(names) == {"train", "validation", "test"}
    assert set(names[:90]) == {"train"}


def test_only_missing_splits_are_cut_out_of_train():
    names = ["train"] * 80 + ["test"] * 20
    done = splits.complete(names, ["a", "b"] * 50, {"validation": 0.25, "test": 0.5}, seed=0)
    assert done[80:] == ["test"] * 20
    assert collections.Counter(done[:80]) == {"train": 60, "validation": 20}
    full = ["train", "validation", "test", None]
    assert splits.complete(full, ["a"] * 4, FRACTIONS, 0) == ["train", "validation", "test", "train"]


def test_linked_joins_over_any_column():
    contents = ["x", None, "x", None, "y", "y", None]
    groups = [None, "p", "p", None, None, None, "q"]
    numbers = splits.linked(contents, groups)
    assert numbers[0] == numbers[1] == numbers[2]
    assert numbers[4] == numbers[5]
    assert len({numbers[0], numbers[3], numbers[4], numbers[6]}) == 4


def test_rarest():
    assert splits.rarest([(0,), (0, 1), (0, 2), (0, 2), ()]) == [0, 1, 2, 2, -1]


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5)])
def test_fractions_that_leave_nothing(validation, test):
    with pytest.raises(UsageError, match="together below 1"):
        splits.check_fractions("digits", validation, test)


def held(groups, strata, fraction):
    """(chosen, sizes of the groups) of a cut, of which no group parts."""
    chosen = splits.held_out(groups, strata, fraction)
    sizes = collections.Counter(groups)
    assert not {g for g, c in zip(groups, chosen, strict=True) if c} & {
        g for g, c in zip(groups, chosen, strict=True) if not c
    }
    return chosen, sizes


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_held_out_groups(seed, fraction):
    rng = np.random.default_rng(seed)
    groups, strata = [], []
    for group in range(60):
        count = int(rng.integers(1, 9))
        groups += [group] * count
        strata += [group % 4] * count
    chosen, sizes = held(groups, strata, fraction)
    assert abs(chosen.sum() - fraction * len(groups)) <= max(sizes.values())
    for stratum in range(4):
        of_it = np.array(strata) == stratum
        assert abs(chosen[of_it].sum() - fraction * of_it.sum()) <= 2 * max(sizes.values())
        assert 0 < chosen[of_it].sum() < of_it.sum()
    assert (chosen == splits.held_out(groups, strata, fraction)).all()


def test_held_out_keeps_a_class_in_training():
    groups, strata = [0] * 5 + list(range(1, 41)), [0] * 5 + [1] * 40  # class 0 is one group
    chosen, _ = held(groups, strata, 0.2)
    assert not chosen[:5].any()
    assert chosen.sum() == 9
    assert not splits.held_out([0] * 9, [0] * 9, 0.2).any()  # one group only: nothing can be held out


def test_held_out_shows_rare_classes_where_there_is_room():
    groups = list(range(100)) + [100, 100, 101, 101]
    strata = [0] * 100 + [1, 1, 1, 1]
    chosen, _ = held(groups, strata, 0.1)
    assert chosen[100:].sum() == 2
    assert abs(chosen.sum() - 10.4) <= 2
