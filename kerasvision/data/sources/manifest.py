"""A CSV file that names image files and their labels."""

import dataclasses
import pathlib
import re
import typing

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources import _labels
from kerasvision.data.sources._files import Plan, open_entries
from kerasvision.data.sources._rows import Columns, entries_of
from kerasvision.data.sources._table import number_of, read_table
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
    in `image_folder`; validation_fraction, test_fraction, seed, skip_unreadable and split_by are as there. How a CSV
    may be written: `_table.py`; what no label is: `_labels.py`.
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
    split_by: typing.Literal["picture", "class"] = "picture"

    def open(self):
        what = f"manifest {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        base = pathlib.Path(self.path).expanduser()
        table = self._table(base, what)
        if self.target_columns:
            plan = Plan(what, fractions, self.seed, self.skip_unreadable, declared=True, split_by=self.split_by)
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
        entries, more = entries_of(base, table, ids, self._columns, what)
        seed, skips = self.seed, self.skip_unreadable
        plan = Plan(what, fractions, seed, skips, several, bool(self.classes), split_by=self.split_by)
        opened = open_entries(entries, classes, plan)
        dropped = (*opened.dropped, *table.said, *said, *more)
        return self.as_labeled(dataclasses.replace(opened, dropped=dropped))

    def _table(self, base, what):
        wanted = (self.file_column, self.label_column, self.labels_column, *self.target_columns)
        wanted = (*wanted, self.split_column, self.group_column)
        return read_table(base, what, wanted, "write a header file,label and one row a file")

    def _open_numbers(self, base, table, plan):
        what, wanted = plan.what, (self.file_column, *self.target_columns)
        missing = [name for name in wanted if name not in table.columns]
        if missing or self.classes:
            seen = f"no column {', '.join(map(repr, missing))}" if missing else "classes do not go with target_columns"
            raise KerasVisionError(
                f"{what}: {seen}; it has {', '.join(table.columns)}; target_columns names those of numbers"
            )
        entries, said = entries_of(base, table, [()] * len(table.rows), self._columns, what)
        targets = [
            tuple(number_of(row[name], name, line, what) for name in self.target_columns) for line, row in table.rows
        ]
        entries = [dataclasses.replace(e, targets=t) for e, t in zip(entries, targets, strict=True)]
        opened = open_entries(entries, self.target_columns, plan)
        return self.as_labeled(dataclasses.replace(opened, dropped=(*opened.dropped, *table.said, *said)))

    @property
    def _columns(self):
        return Columns(self.file_column, self.split_column, self.group_column)

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
