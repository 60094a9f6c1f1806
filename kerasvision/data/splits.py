"""Deterministic splits: stratified by class, and whole groups only. Plain Python and numpy, no TensorFlow."""

import collections
import re

import numpy as np

from kerasvision.core.errors import UsageError

NAMES = ("train", "validation", "test")
ALIASES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "validate": "validation",
    "dev": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "test": "test",
    "testing": "test",
}
GUESSED = ("dev", "eval", "evaluation")  # not everybody's word for it: that they are read as validation is said
_FILLING = {"image", "images", "img", "imgs", "set", "data", "dataset", "split", "folder", "photos", "pictures", "new"}


def spelled(name):
    """The split that a folder's name means beyond `ALIASES`, as "training_set", "val_images" or "test2017"; or None."""
    words = [w for w in re.split(r"[\W_\d]+", name.lower()) if w]
    words = [w.removesuffix("set") or w for w in words]
    meant = {ALIASES[w] for w in words if w in ALIASES}
    rest = [w for w in words if w not in ALIASES and w not in _FILLING]
    return meant.pop() if len(meant) == 1 and not rest else None


def check_fractions(what, validation, test):
    """{"validation": f, "test": f}, or one line about fractions that leave nothing to train on."""
    if validation < 0 or test < 0 or validation + test >= 1:
        raise UsageError(
            f"{what}: validation_fraction={validation}, test_fraction={test}; allowed: 0 or more, together below 1"
        )
    return {"validation": validation, "test": test}


def stratified(labels, fractions, seed, groups=None):
    """Split name of every example, a list.

    labels: one hashable per example. fractions: {"validation": f, "test": f}; the rest trains. groups: one hashable
    per example, or None; examples of one group never part, and a group counts for its most frequent label. A label
    with few groups keeps at least one in training. Equal arguments give equal splits.
    """
    strata = collections.defaultdict(list)
    for label, members in _units(labels, groups):
        strata[label].append(members)
    names = ["train"] * len(labels)
    for stratum, label in enumerate(sorted(strata, key=lambda label: (type(label).__name__, label))):
        rng = np.random.default_rng([seed, stratum])
        shuffled = [strata[label][i] for i in rng.permutation(len(strata[label]))]
        for name, taken in _deal(shuffled, fractions).items():
            for index in taken:
                names[index] = name
    return names


def _units(labels, groups):
    """[(label, indices that stay together)], in the order of first appearance."""
    if groups is None:
        return [(label, [i]) for i, label in enumerate(labels)]
    held = collections.defaultdict(list)
    for i, group in enumerate(groups):
        held[group].append(i)
    return [
        (collections.Counter(labels[i] for i in members).most_common(1)[0][0], members) for members in held.values()
    ]


def _deal(units, fractions):
    """Split name -> indices. A unit is taken when that brings the split nearer to its share of the examples.

    A split that should have a share gets one unit at least, as long as one is left for each split after it.
    """
    total = sum(map(len, units))
    wanted = [name for name in ("test", "validation") if fractions.get(name, 0.0) > 0]
    dealt = {}
    for turn, name in enumerate(wanted):
        reserved = len(wanted) - turn  # one unit for training, one for each split after this
        share, spare = total * fractions[name], len(units) - reserved
        taken, left, count = [], [], 0
        for unit in units:
            fits = count + len(unit) / 2 <= share and len(taken) < spare
            (taken if fits else left).append(unit)
            count += len(unit) if fits else 0
        if not taken and spare > 0:
            taken = [min(left, key=len)]
            left.remove(taken[0])
        units, dealt[name] = left, [i for unit in taken for i in unit]
    return dealt


def complete(names, labels, fractions, seed, groups=None):
    """Splits that are partly given: those without any example are cut out of training.

    names: "train", "validation", "test" or None (undecided) per example. Returns a list without None.
    """
    given = set(names) - {None}
    missing = {n: f for n, f in fractions.items() if n not in given}
    open_ = [i for i, n in enumerate(names) if n in (None, "train")]
    chosen = stratified([labels[i] for i in open_], missing, seed, groups and [groups[i] for i in open_])
    completed = list(names)
    for i, name in zip(open_, chosen, strict=True):
        completed[i] = name
    return completed


def linked(*keys):
    """Group number of every example: examples that share a value in any of the lists are linked. None links nothing."""
    parent = list(range(len(keys[0])))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for column in keys:
        first = {}
        for i, value in enumerate(column):
            if value is not None:
                parent[root(i)] = root(first.setdefault(value, i))
    return [root(i) for i in range(len(parent))]


def rarest(label_sets):
    """The least frequent label of each example, -1 for none: what several labels at once are stratified by.

    After the idea of Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data (2011): rare labels
    are shared out first.
    """
    count = collections.Counter(label for labels in label_sets for label in labels)
    return [min(labels, key=lambda label: (count[label], label)) if len(labels) else -1 for labels in label_sets]


def held_out(groups, strata, fraction):
    """bool [N]: which examples are held out, so that no group parts, without a seed. After all examples' classes.

    groups: a number an example, equal for those that stay together. strata: a class an example; a group counts for its
    most frequent one. The examples held out are within half of the largest group of `fraction` of all, where groups
    allow it. First each class gets its first group, the rarest class first, as long as there is room and another group
    of the class is left to train on; then the class that lacks most of its share gets its next group, and so on.
    """
    units = collections.defaultdict(list)
    for stratum, members in _units(strata, groups):
        units[stratum].append(members)
    sizes = {stratum: sum(map(len, held)) for stratum, held in units.items()}
    room, taken = fraction * len(groups), collections.Counter()
    chosen = np.zeros(len(groups), bool)

    def take(stratum):
        """Whether a group of a class could be taken: one that fits, with one left to train on."""
        fits = [m for m in units[stratum] if chosen.sum() + len(m) / 2 <= room]
        if not fits or len(units[stratum]) < 2:
            return False
        units[stratum].remove(fits[0])
        chosen[fits[0]] = True
        taken[stratum] += len(fits[0])
        return True

    for stratum in sorted(units, key=lambda k: (sizes[k], k)):
        take(stratum)
    left = set(units)
    while left:
        stratum = max(left, key=lambda k: (fraction * sizes[k] - taken[k], -sizes[k], k))
        if not take(stratum):
            left.discard(stratum)
    return chosen
