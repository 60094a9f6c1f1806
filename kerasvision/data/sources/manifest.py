"""A CSV file that names image files and their labels."""

import collections
import csv
import dataclasses
import math
import pathlib
import re

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources._files import Entry, Plan, named, open_entries
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
    in `image_folder`; validation_fraction, test_fraction, seed and skip_unreadable are as there.
    target_columns: columns of numbers, read in place of labels.
    """

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
        columns, rows = _rows(base, what)
        if self.target_columns:
            return self._open_numbers(base, columns, rows, Plan(what, fractions, self.seed, self.skip_unreadable, True))
        several = self._check_columns(columns, what)
        named_labels = [self._labels(row, line, several, what) for line, row in rows]
        classes = self.classes or tuple(sorted({label for labels in named_labels for label in labels}))
        index = {name: i for i, name in enumerate(classes)}
        entries = []
        for (line, row), labels in zip(rows, named_labels, strict=True):
            for label in labels:
                if label not in index:
                    hint = close_matches(label, index)
                    raise KerasVisionError(f"{what}: line {line}: label {label!r} is none of the classes; {hint}")
            entries.append(self._entry(base, row, line, tuple(sorted({index[label] for label in labels})), what))
        _check_files(entries, what)
        entries = _with_groups(entries, what)
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, several, bool(self.classes))
        return self.as_labeled(open_entries(entries, classes, plan))

    def _open_numbers(self, base, columns, rows, plan):
        what, wanted = plan.what, (self.file_column, *self.target_columns)
        missing = [name for name in wanted if name not in columns]
        if missing or self.classes:
            seen = f"no column {', '.join(map(repr, missing))}" if missing else "classes do not go with target_columns"
            raise KerasVisionError(
                f"{what}: {seen}; it has {', '.join(columns)}; target_columns names those of numbers"
            )
        entries = []
        for line, row in rows:
            entry = self._entry(base, row, line, (), what)
            targets = tuple(_number(row[name], name, line, what) for name in self.target_columns)
            entries.append(dataclasses.replace(entry, targets=targets))
        _check_files(entries, what)
        return self.as_labeled(open_entries(_with_groups(entries, what), self.target_columns, plan))

    def _check_columns(self, columns, what):
        """Whether the labels are several; the columns that must exist do."""
        held = f"it has {', '.join(columns)}"
        if self.file_column not in columns:
            raise KerasVisionError(f"{what}: no column {self.file_column!r}; {held}; rename one or set file_column")
        one, several = self.label_column in columns, self.labels_column in columns
        if one == several:
            raise KerasVisionError(
                f"{what}: {held}; allowed: either {self.label_column!r}, one class a file, or {self.labels_column!r}, "
                "several separated by ; or |; rename one or set label_column, labels_column"
            )
        return several

    def _labels(self, row, line, several, what):
        if several:
            return [label.strip() for label in _SEPARATORS.split(row[self.labels_column] or "") if label.strip()]
        label = (row[self.label_column] or "").strip()
        if not label:
            raise KerasVisionError(f"{what}: line {line}: no {self.label_column}")
        return [label]

    def _entry(self, base, row, line, labels, what):
        name = (row[self.file_column] or "").strip()
        if not name:
            raise KerasVisionError(f"{what}: line {line}: no {self.file_column}")
        split = (row.get(self.split_column) or "").strip().lower()
        if split and split not in splits.ALIASES:
            allowed = ", ".join(splits.NAMES)
            raise KerasVisionError(f"{what}: line {line}: {self.split_column} {split!r}; allowed: {allowed} or empty")
        group = (row.get(self.group_column) or "").strip() or None
        return Entry(str(base.parent / name), name, labels, splits.ALIASES.get(split), group)


def _number(text, column, line, what):
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise KerasVisionError(f"{what}: line {line}: {column} is {text!r}; a finite number is needed, as in 12.5")
    return value


def _rows(path, what):
    """(column names, [(line number, row)])."""
    if not path.is_file():
        raise KerasVisionError(f"{what}: {'not a file' if path.exists() else 'no such file'}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or []
    except (UnicodeDecodeError, csv.Error) as error:
        raise KerasVisionError(f"{what}: no CSV in UTF-8: {error}") from None
    if not rows:
        raise KerasVisionError(f"{what}: no rows; write a header file,label and one row a file")
    long = next((line for line, row in rows if None in row), None)
    if long:
        raise KerasVisionError(f"{what}: line {long} has more values than the header; quote values that hold a comma")
    return columns, rows


def _check_files(entries, what):
    missing = [e.name for e in entries if not pathlib.Path(e.path).is_file()]
    if missing:
        seen = f"{len(missing)} of {len(entries)} files do not exist: {named(missing)}"
        raise KerasVisionError(f"{what}: {seen}; paths are relative to the CSV")
    twice = [path for path, n in collections.Counter(e.path for e in entries).items() if n > 1]
    if twice:
        raise KerasVisionError(f"{what}: {len(twice)} files stand in several rows: {named(twice)}; keep one row a file")


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
