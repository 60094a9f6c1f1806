"""Deterministic splits: stratified by class, and whole groups only. numpy, no TensorFlow."""

import numpy as np

NAMES = ("train", "validation", "test")


def stratified(labels, fractions, seed, groups=None):
    """Split name of every example.

    labels: hashable per example. fractions: {"validation": f, "test": f}; the rest trains. groups: hashable per
    example or None; examples of one group never part. A group is filed under the most frequent label among its
    examples. Equal seed and equal inputs give equal splits. Returns a list of names.
    """
    units = _units(labels, groups)
    strata = {}
    for label, members in units:
        strata.setdefault(label, []).append(members)
    names = ["train"] * len(labels)
    for stratum, label in enumerate(sorted(strata, key=repr)):
        rng = np.random.default_rng([seed, stratum])
        members = [strata[label][i] for i in rng.permutation(len(strata[label]))]
        for name, taken in _deal(members, fractions).items():
            for index in taken:
                names[index] = name
    return names


def _units(labels, groups):
    """[(label, indices)], in the order of first appearance."""
    if groups is None:
        return [(label, [i]) for i, label in enumerate(labels)]
    held = {}
    for i, group in enumerate(groups):
        held.setdefault(group, []).append(i)
    units = []
    for members in held.values():
        seen = [labels[i] for i in members]
        units.append((max(dict.fromkeys(seen), key=seen.count), members))
    return units


def _deal(units, fractions):
    """Name -> indices: units are dealt until a split holds its share; training keeps at least one unit."""
    total = sum(map(len, units))
    units = list(units)
    dealt = {}
    for name in ("test", "validation"):
        share = round(total * fractions.get(name, 0.0))
        if fractions.get(name, 0.0) > 0 and share == 0 and len(units) > 2:
            share = 1
        taken = []
        while units[1:] and len(taken) + len(units[-1]) / 2 <= share and len(taken) < share:
            taken += units.pop()
        dealt[name] = taken
    return dealt
