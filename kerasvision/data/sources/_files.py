"""From a list of labeled image files to an opened source: what `image_folder` and `manifest` share."""

import collections
import dataclasses
import hashlib
import pathlib

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data import readable, splits
from kerasvision.data.sources.base import Opened, Split

_SHOWN = 3  # files named in one error line


@dataclasses.dataclass(frozen=True)
class Entry:
    """One labeled file. name: as the user knows it. split, group: None when the user named none."""

    path: str
    name: str
    labels: tuple[int, ...]
    split: str | None = None
    group: str | None = None
    targets: tuple[float, ...] = ()  # numbers in place of labels


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the entries become splits. what: the source, as in `image_folder 'photos'`. several: multi-label. thing: what
    an entry is called. split_by: "picture", or "class": none is in two splits, so that those that are judged by were
    never trained on.
    """

    what: str
    fractions: dict
    seed: int
    skip_unreadable: bool
    several: bool = False
    declared: bool = False
    thing: str = "image"
    split_by: str = "picture"


def open_entries(entries, classes, plan):
    """The opened source. Files of equal bytes, and files of one group, never lie in two splits."""
    by_split, dropped = arrange(entries, classes, plan)
    opened = {n: _split(held, plan.several) for n, held in by_split.items()}
    opened["train"] = dataclasses.replace(opened["train"], by_class=plan.split_by == "class")
    opened = {n: grouped(split, by_split[n]) for n, split in opened.items()}
    return Opened(tuple(classes), opened, (*dropped, *_unseen(by_split, plan)))


def _unseen(by_split, plan):
    """A line of the classes that training has none of, where that is what was asked for."""
    if plan.split_by != "class":
        return []
    trained, judged = (
        {label for name, held in by_split.items() if (name == "train") == first for e in held for label in e.labels}
        for first in (True, False)
    )
    return [f"unseen: {len(judged - trained)} classes have no training image, for embedders to find again"]


def arrange(entries, classes, plan):
    """({split: its entries}, what was left out, one line each); a group then also links files of equal bytes."""
    entries, dropped = _readable(entries, plan)
    check_classes(entries, classes, plan)
    contents = content_keys([e.path for e in entries])
    entries, contents, leaks = without_leaks(entries, contents)
    groups = splits.linked(contents, [e.group for e in entries])
    return shared_out(entries, groups, classes, plan), (*dropped, *leaks)


def shared_out(entries, groups, classes, plan):
    """{split: its entries}, each with the number of its group; None where an entry is alone in it. Where classes are
    shared out, a class that is trained on is a group too: what is later held out of training is whole classes.
    """
    strata, together = splits.rarest([e.labels for e in entries]), groups
    if plan.split_by == "class":
        if plan.several or entries[0].targets:
            raise UsageError(f"{plan.what}: split_by='class' is of one class an image; set split_by='picture'")
        strata, together = [0] * len(entries), splits.linked(groups, strata)
    names = splits.complete([e.split for e in entries], strata, plan.fractions, plan.seed, together)
    held = [t if n == "train" else g for t, g, n in zip(together, groups, names, strict=True)]
    count = collections.Counter(held)
    linked = [str(g) if count[g] > 1 else None for g in held]
    entries = [dataclasses.replace(e, group=g) for e, g in zip(entries, linked, strict=True)]
    by_split = {n: [e for e, chosen in zip(entries, names, strict=True) if chosen == n] for n in splits.NAMES}
    _check_training(by_split["train"], entries, classes, plan)
    if plan.split_by == "class":
        _check_unseen(by_split, classes, plan)
    return {n: held for n, held in by_split.items() if held}


def grouped(split, entries):
    """The split with the groups and classes of its entries, as `shared_out` gives them; as it is where none share one.

    The split's records are those of the entries, in their order.
    """
    count = collections.Counter(e.group for e in entries if e.group is not None)
    if not split.by_class and not any(n > 1 for n in count.values()):
        return split
    numbers = {group: -1 - i for i, group in enumerate(count)}
    groups = tuple(i if e.group is None else numbers[e.group] for i, e in enumerate(entries))
    return dataclasses.replace(split, groups=groups, strata=tuple(splits.rarest([e.labels for e in entries])))


def named(items, shown=_SHOWN):
    """`a, b, c and 4 more`."""
    items = list(items)
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + more


def _readable(entries, plan):
    """(entries that can be read, one line each for the others); refuses unless told to skip."""
    bad = readable.unreadable(list(dict.fromkeys(e.path for e in entries)))
    if not bad:
        return entries, []
    listed = [(e.name, bad[e.path]) for e in entries if e.path in bad]
    which = named(f"{name} ({reason})" for name, reason in listed)
    if not plan.skip_unreadable:
        raise KerasVisionError(
            f"{plan.what}: {len(listed)} of {len(entries)} files cannot be read: {which}; mend or remove them, or "
            "leave them out with skip_unreadable=True (--skip-unreadable)"
        )
    if len(listed) == len(entries):
        raise KerasVisionError(f"{plan.what}: no image is left that can be read: {which}; mend them")
    return [e for e in entries if e.path not in bad], [f"unreadable: {name} ({reason})" for name, reason in listed]


def check_classes(entries, classes, plan):
    """At least two classes, each with an image; numbers have none, and one is enough."""
    if not entries:
        raise KerasVisionError(f"{plan.what}: no {plan.thing} is left that can be read")
    if plan.several or entries[0].targets:
        return
    if len(classes) < 2:
        raise KerasVisionError(f"{plan.what}: one class only, {classes[0]!r}; a classifier needs two or more")
    seen = {label for e in entries for label in e.labels}
    empty = [name for index, name in enumerate(classes) if index not in seen]
    if empty and not plan.declared:
        raise KerasVisionError(
            f"{plan.what}: no readable {plan.thing} of {named(map(repr, empty))}; fill or remove the class"
        )


def _check_training(train, entries, classes, plan):
    if not train:
        raise KerasVisionError(
            f"{plan.what}: no {plan.thing} is left to train on; every one belongs to validation or test"
        )
    untrained = {label for e in entries for label in e.labels} - {label for e in train for label in e.labels}
    if plan.split_by == "class":
        if len(trained := {label for e in train for label in e.labels}) < 2:
            raise KerasVisionError(
                f"{plan.what}: split_by='class' leaves {len(trained)} class to train on; an embedder needs two or "
                "more: add classes, or set test_fraction=0 or split_by='picture'"
            )
        return
    if untrained:
        which = named(repr(classes[i]) for i in sorted(untrained))
        raise KerasVisionError(
            f"{plan.what}: no training {plan.thing} of {which}, which stand in validation or test; move some to train"
        )


def _check_unseen(by_split, classes, plan):
    """No class is trained on that judges, and no split that should have classes has none."""
    labels = {name: {label for e in held for label in e.labels} for name, held in by_split.items()}
    for name in splits.NAMES[1:]:
        if both := sorted(labels["train"] & labels[name]):
            raise KerasVisionError(
                f"{plan.what}: split_by='class', but train and {name} share {len(both)} classes: "
                f"{named(repr(classes[i]) for i in both)}; give each class one split (in a manifest's column), or name "
                "no splits, neither by folders nor by a column, or set split_by='picture'"
            )
    empty = [name for name, fraction in plan.fractions.items() if fraction > 0 and not by_split[name]]
    if empty:
        groups = len({i if e.group is None else e.group for i, e in enumerate(by_split["train"])})
        zero = " and ".join(f"{name}_fraction=0" for name in empty)
        raise KerasVisionError(
            f"{plan.what}: split_by='class' leaves no class for {' and '.join(empty)}: the {len(labels['train'])} of "
            f"train are linked by files of equal bytes or a group column into {groups} that must not part; remove the "
            f"links, or set {zero} or split_by='picture'"
        )


def content_keys(paths):
    """A key per file, equal for files of equal bytes, None for a file that has no equal. Hashes only equal sizes."""
    sizes = [pathlib.Path(p).stat().st_size for p in paths]
    count = collections.Counter(sizes)
    hashes = [_hash(p) if count[s] > 1 else None for p, s in zip(paths, sizes, strict=True)]
    shared = collections.Counter(hashes)
    return [h if h is not None and shared[h] > 1 else None for h in hashes]


def _hash(path):
    with pathlib.Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def without_leaks(entries, contents, equal="bytes"):
    """Drops a file whose equal the user has put into a split that judges it: test before validation before train.

    contents: a key an entry, equal for equal ones, or None. equal: what is, for the lines about it.
    """
    rank = {None: 0, "train": 0, "validation": 1, "test": 2}
    judges = {}
    for entry, key in sorted(zip(entries, contents, strict=True), key=lambda pair: -rank[pair[0].split]):
        if key is not None:
            judges.setdefault(key, entry)
    kept, lines = [], []
    for entry, key in zip(entries, contents, strict=True):
        judge = judges.get(key, entry)
        if rank[entry.split] < rank[judge.split]:
            lines.append(f"copy: {entry.name} has the same {equal} as {judge.name}, which is in {judge.split}")
        else:
            kept.append((entry, key))
    return [e for e, _ in kept], [k for _, k in kept], lines


def _split(entries, several):
    paths = [e.path for e in entries]
    if entries[0].targets:
        targets = tf.constant([e.targets for e in entries], tf.float32)
        records = tf.data.Dataset.from_tensor_slices({"path": paths, "targets": targets})
        return Split(records, _read_numbers, len(entries))
    if several:
        labels = tf.ragged.constant([list(e.labels) for e in entries], dtype=tf.int32, ragged_rank=1)
        records = tf.data.Dataset.from_tensor_slices({"path": paths, "labels": labels})
        return Split(records, _read_several, len(entries))
    labels = [e.labels[0] for e in entries]
    records = tf.data.Dataset.from_tensor_slices({"path": paths, "label": tf.constant(labels, tf.int32)})
    return Split(records, _read_one, len(entries))


def _read_one(record):
    return {"image_bytes": tf.io.read_file(record["path"]), "label": record["label"], "path": record["path"]}


def _read_numbers(record):
    return {"image_bytes": tf.io.read_file(record["path"]), "targets": record["targets"], "path": record["path"]}


def _read_several(record):
    labels = tf.ensure_shape(tf.convert_to_tensor(record["labels"]), [None])
    return {"image_bytes": tf.io.read_file(record["path"]), "labels": labels, "path": record["path"]}
