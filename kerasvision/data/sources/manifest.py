"""A CSV file that names image files and their labels."""

import collections
import dataclasses
import math
import pathlib
import re
import typing

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources import _labels
from kerasvision.data.sources._files import Entry, Plan, named, open_entries
from kerasvision.data.sources._table import placed, read_table, said_of_paths, same_file
from kerasvision.data.sources.base import Pictures

_SEPARATORS = re.compile(r"[;|]")


@sources.register("manifest")
@dataclasses.dataclass(frozen=True)
class Manifest(Pictures):
    """Samples: `image_bytes`, `path`, and `label` int32, or with several labels a file `labels` int32 [N], N from 0 on.

    Or `targets` float32 [N] from N numeric columns, whose names then stand for the classes.

    path: a CSV with a header. Columns, by the names in the `_column` fields: file (relative to the CSV) and either
    label or labels (separated by ; or |); optional: split (train, validation or val, test; empty: undecided) and group
    (a patient, a camera, an object: never in two splits; empty: none). classes: the class names in order, anything
    else is then an error; empty takes the sorted labels of the file. A split without any row is cut out of training as
    in `image_folder`; validation_fraction, test_fraction, seed and skip_unreadable are as there. How a CSV may be
    written: `_table.py`; what no label is: `_labels.py`.
    target_columns: columns of numbers, read in place of labels.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("label", "labels", "targets")
    suffixes: typing.ClassVar[tuple[str, ...]] = (".csv",)
    opens: typing.ClassVar[str] = "a .csv of images and labels"
    is_general: typing.ClassVar[bool] = True

    path: str
    classes: tuple[str, ...] = ()
    file_column: str = "file"
    label_column: str = "label"
    labels_column: str = "labels"
    target_columns: tuple[str, ...] = ()
    split_column: str = "split"
    group_column: str = "group"
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    def open(self):
        what = f"manifest {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        base = pathlib.Path(self.path).expanduser()
        table = self._table(base, what)
        if self.target_columns:
            plan = Plan(what, fractions, self.seed, self.skip_unreadable, declared=True)
            return self._open_numbers(base, table, plan)
        several = self._check_columns(table.columns, what)
        named_labels = [(line, self._labels(row, line, several, what)) for line, row in table.rows]
        said = _labels.check(named_labels, self.classes, several, what)
        classes = self.classes or tuple(sorted({label for _, labels in named_labels for label in labels}))
        index = {name: i for i, name in enumerate(classes)}
        for line, labels in named_labels:
            for label in labels:
                if label not in index:
                    hint = close_matches(label, index)
                    raise KerasVisionError(f"{what}: line {line}: label {label!r} is none of the classes; {hint}")
        ids = [tuple(sorted({index[label] for label in labels})) for _, labels in named_labels]
        entries, more = self._entries(base, table, ids, what)
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, several, bool(self.classes))
        opened = open_entries(entries, classes, plan)
        dropped = (*opened.dropped, *table.said, *said, *more)
        return self.as_labeled(dataclasses.replace(opened, dropped=dropped))

    def _table(self, base, what):
        wanted = (self.file_column, self.label_column, self.labels_column, *self.target_columns)
        wanted = (*wanted, self.split_column, self.group_column)
        return read_table(base, what, wanted, "write a header file,label and one row a file")

    def _entries(self, base, table, ids, what):
        """(entries whose files exist, lines about how rows were read)."""
        held = [self._entry(base, row, line, i, what) for (line, row), i in zip(table.rows, ids, strict=True)]
        entries = [entry for entry, _ in held]
        _check_files(entries, what)
        words = {row.get(self.split_column, "").lower() for _, row in table.rows}
        said = [f"splits: {word!r} is read as validation" for word in splits.GUESSED if word in words]
        return _with_groups(entries, what), [*said, *said_of_paths(sum(changed for _, changed in held))]

    def _open_numbers(self, base, table, plan):
        what, wanted = plan.what, (self.file_column, *self.target_columns)
        missing = [name for name in wanted if name not in table.columns]
        if missing or self.classes:
            seen = f"no column {', '.join(map(repr, missing))}" if missing else "classes do not go with target_columns"
            raise KerasVisionError(
                f"{what}: {seen}; it has {', '.join(table.columns)}; target_columns names those of numbers"
            )
        entries, said = self._entries(base, table, [()] * len(table.rows), what)
        targets = [
            tuple(_number(row[name], name, line, what) for name in self.target_columns) for line, row in table.rows
        ]
        entries = [dataclasses.replace(e, targets=t) for e, t in zip(entries, targets, strict=True)]
        opened = open_entries(entries, self.target_columns, plan)
        return self.as_labeled(dataclasses.replace(opened, dropped=(*opened.dropped, *table.said, *said)))

    def _check_columns(self, columns, what):
        """Whether the labels are several; the columns that must exist do."""
        held = f"it has {', '.join(columns)}"
        if self.file_column not in columns:
            is_data = any(pathlib.Path(c).suffix.lower() in SUFFIXES for c in columns)
            first = "; its first line names a file: write a header above it, as file,label" if is_data else ""
            raise KerasVisionError(
                f"{what}: no column {self.file_column!r}; {held}{first or '; rename one or set file_column'}"
            )
        one, several = self.label_column in columns, self.labels_column in columns
        if one == several:
            raise KerasVisionError(
                f"{what}: {held}; allowed: either {self.label_column!r}, one class a file, or {self.labels_column!r}, "
                "several separated by ; or |; rename one or set label_column, labels_column"
            )
        return several

    def _labels(self, row, line, several, what):
        if several:
            return [label.strip() for label in _SEPARATORS.split(row[self.labels_column]) if label.strip()]
        label = row[self.label_column]
        if not label:
            raise KerasVisionError(f"{what}: line {line}: no {self.label_column}")
        return [label]

    def _entry(self, base, row, line, labels, what):
        """(entry, whether its path was written with \\)."""
        name = row[self.file_column]
        if not name:
            raise KerasVisionError(f"{what}: line {line}: no {self.file_column}")
        split = row.get(self.split_column, "").lower()
        if split and split not in splits.ALIASES:
            allowed = ", ".join(splits.NAMES)
            raise KerasVisionError(f"{what}: line {line}: {self.split_column} {split!r}; allowed: {allowed} or empty")
        path, changed = placed(base.parent, name)
        return Entry(path, name, labels, splits.ALIASES.get(split), row.get(self.group_column) or None), changed


def _number(text, column, line, what):
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise KerasVisionError(f"{what}: line {line}: {column} is {text!r}; a finite number is needed, as in 12.5")
    return value


def _check_files(entries, what):
    missing = [e.name for e in entries if not pathlib.Path(e.path).is_file()]
    if missing:
        seen = f"{len(missing)} of {len(entries)} files do not exist: {named(missing)}"
        raise KerasVisionError(f"{what}: {seen}; paths are relative to the CSV")
    rows = collections.defaultdict(list)
    for entry in entries:
        rows[same_file(entry.path)].append(entry)
    twice = {path: held for path, held in rows.items() if len(held) > 1}
    if twice:
        other = sum(len({(e.labels, e.targets) for e in held}) > 1 for held in twice.values())
        differ = f", {other} of them with other labels" if other else ""
        listed = named(" = ".join(e.name for e in held) for held in twice.values())
        raise KerasVisionError(
            f"{what}: {len(twice)} files stand in several rows{differ}: {listed}; keep one row a file"
        )


def _with_groups(entries, what):
    """Undecided files follow the rest of their group; a group that the split column itself tears apart is an error."""
    held = collections.defaultdict(set)
    for entry in entries:
        if entry.group is not None and entry.split is not None:
            held[entry.group].add(entry.split)
    torn = [group for group, names in held.items() if len(names) > 1]
    if torn:
        raise KerasVisionError(f"{what}: groups in more than one split: {named(torn)}; keep each in one")
    follows = {group: next(iter(names)) for group, names in held.items()}
    return [dataclasses.replace(e, split=e.split or follows.get(e.group)) for e in entries]
