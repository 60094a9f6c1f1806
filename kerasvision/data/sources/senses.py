"""A table whose rows have several senses of one thing: a picture, a text and numbers, and its label."""

import collections
import dataclasses
import functools
import io
import math
import pathlib
import typing

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import readable, splits
from kerasvision.data.sources._answers import answers_of, as_sample, entries_of, require_one, values_of
from kerasvision.data.sources._columns import Columns, open_table, require_columns
from kerasvision.data.sources._files import (
    Plan,
    check_classes,
    content_keys,
    grouped,
    named,
    shared_out,
    without_leaks,
)
from kerasvision.data.sources._rows import with_groups
from kerasvision.data.sources._table import number_of, placed
from kerasvision.data.sources.base import Opened, Source, Split

BLANK = b" "  # in place of a text that is missing


@sources.register("senses")
@dataclasses.dataclass(frozen=True)
class Senses(Source):
    """Samples: of the columns that are named `image_bytes`, `text`, a string in UTF-8, and `numbers` float32 [N], NaN
    where a cell is empty; `senses` uint8 [M], 1 for each of image, text and numbers that the row has (of numbers one at
    least), in this order; and `label` int32, or `labels` int32 [N], N from 0 on, or `targets` float32 [N], the names of
    whose columns then stand for the classes.

    path: a CSV or TSV with a header, written as for `manifest`, or a file with a JSON object a line. image_column: of
    paths relative to it. At least two of image_column, text_column and number_columns are given. An empty cell is a
    sense that is missing. One of label_column ("label" where none is named), labels_column (separated by ; or |, or a
    list) and target_columns says what is to be answered. Rows without a label or a number of these, or without any
    sense, are left out and counted; of several labels none is fine. Rows with pictures of equal bytes, and rows without
    a picture that are equal, stay in one split. split_column, group_column, classes and the fractions are as in
    `manifest`.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("label", "labels", "targets")
    path: str
    image_column: str = ""
    text_column: str = ""
    number_columns: tuple[str, ...] = ()
    label_column: str = ""
    labels_column: str = ""
    target_columns: tuple[str, ...] = ()
    split_column: str = "split"
    group_column: str = "group"
    classes: tuple[str, ...] = ()
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0

    @classmethod
    def detects(cls, path):
        return False  # which columns are senses is to be named

    def open(self):
        what = f"senses {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        require_one(what, self)
        table = self._table(what)
        rows, left = self._rows(table, what)
        rows = self._with_files(rows, what)
        classes, values, said = values_of(rows, self._answers, self.classes, what)
        several = bool(self.labels_column or self.target_columns)
        plan = Plan(what, fractions, self.seed, False, several, bool(self.classes), thing="row")
        by_split, copies = self._by_split(rows, values, classes, plan)
        numbers = [self._numbers(row, line, what) for line, row in rows]
        opened = {name: self._split(held, rows, numbers) for name, held in by_split.items()}
        return Opened(classes, opened, (*table.said, *left, *said, *copies))

    @property
    def _cells(self):
        """The columns of senses."""
        return tuple(name for name in (self.image_column, self.text_column) if name) + self.number_columns

    @property
    def _answers(self):
        """`Columns` of what is to be answered."""
        label = "" if self.labels_column or self.target_columns else self.label_column or "label"
        return Columns(self.text_column, label, self.labels_column, self.target_columns)

    def _table(self, what):
        given = bool(self.image_column) + bool(self.text_column) + bool(self.number_columns)
        if given < 2:
            raise KerasVisionError(
                f"{what}: {given} sense is named; give two or more of image_column, text_column and number_columns"
            )
        answers = tuple(name for name in (self._answers.label, self.labels_column) if name) + self.target_columns
        if both := sorted({*self._cells} & {*answers}):
            raise KerasVisionError(f"{what}: {both[0]!r} would be given and asked for; name it once")
        path, wanted = pathlib.Path(self.path).expanduser(), (*self._cells, *answers)
        every = (*wanted, self.split_column, self.group_column)
        table = open_table(path, what, every, "write a header image,text,label and one row an example")
        require_columns(table, wanted, what)
        return table

    def _rows(self, table, what):
        """(rows that have an answer and a sense, lines about the others)."""
        label, targets = self._answers.label, self.target_columns
        needed = {"label": (label,) if label else (), "number to be answered": targets}
        kept, left = [], collections.defaultdict(list)
        for line, row in table.rows:
            lacking = next((what for what, names in needed.items() if any(not row[name] for name in names)), "")
            lacking = lacking or ("sense" if not any(row[name] for name in self._cells) else "")
            if lacking:
                left[lacking].append(line)
            else:
                kept.append((line, row))
        if not kept:
            raise KerasVisionError(f"{what}: no row has an answer and one of {', '.join(self._cells)}")
        said = [f"blank: {len(held)} rows have no {k}, the first in line {held[0]}" for k, held in left.items()]
        return kept, said

    def _with_files(self, rows, what):
        """The rows with whole paths of their pictures, each of which can be read."""
        if not self.image_column:
            return rows
        base, key = pathlib.Path(self.path).expanduser().parent, self.image_column
        found = [(line, row | {key: placed(base, row[key])[0] if row[key] else ""}) for line, row in rows]
        lost = [f"{row[key]} (line {line})" for line, row in found if row[key] and not pathlib.Path(row[key]).is_file()]
        if lost:
            raise KerasVisionError(f"{what}: {len(lost)} files do not exist: {named(lost)}")
        bad = readable.unreadable(sorted({row[self.image_column] for _, row in found} - {""}))
        if bad:
            listed = named(f"{path} ({reason})" for path, reason in bad.items())
            raise KerasVisionError(
                f"{what}: {len(bad)} files cannot be read: {listed}; mend them, or empty their cells"
            )
        return found

    def _by_split(self, rows, values, classes, plan):
        """({split: its entries, each with the number of its row for a path}, lines about copies)."""
        named_columns = (self.split_column, self.group_column, bool(self.target_columns))
        entries = entries_of(rows, values, named_columns, plan)
        check_classes(entries, classes, plan)
        entries = with_groups(entries, plan.what)
        keys = self._keys([row for _, row in rows])
        entries, keys, copies = without_leaks(entries, keys, "picture, or the same cells")
        groups = splits.linked(keys, [e.group for e in entries])
        return shared_out(entries, groups, classes, plan), tuple(copies)

    def _keys(self, rows):
        """Of each row: equal for equal pictures, and without one for equal cells."""
        files = [row[self.image_column] if self.image_column else "" for row in rows]
        held = [file for file in files if file]
        equal = dict(zip(held, content_keys(held), strict=True))
        own = [name for name in self._cells if name != self.image_column]
        cells = ("\0".join(row[name] for name in own) for row in rows)
        return [(equal[file] or file) if file else cell for file, cell in zip(files, cells, strict=True)]

    def _numbers(self, row, line, what):
        return [number_of(row[name], name, line, what) if row[name] else math.nan for name in self.number_columns]

    def _split(self, entries, rows, numbers):
        places = [int(e.path) for e in entries]
        records = answers_of(entries, self._answers)
        flags = []
        if self.image_column:
            records["path"] = [rows[n][1][self.image_column] for n in places]
            flags.append([bool(path) for path in records["path"]])
        if self.text_column:
            texts = [rows[n][1][self.text_column] for n in places]
            records["text"] = [text.encode() or BLANK for text in texts]
            flags.append([bool(text) for text in texts])
        if self.number_columns:
            held = np.float32([numbers[n] for n in places])
            records["numbers"] = held
            flags.append(np.isfinite(held).any(1))
        records["senses"] = np.stack(flags, 1).astype(np.uint8)
        split = Split(tf.data.Dataset.from_tensor_slices(records), _read, len(entries))
        return grouped(split, entries)


def _read(record):
    sample = as_sample(record)
    if "path" in sample:
        path = sample.pop("path")
        sample["image_bytes"] = tf.cond(path == "", lambda: tf.constant(_black()), lambda: tf.io.read_file(path))
    return sample


@functools.cache
def _black():
    """The bytes of a picture that is given in place of one that is missing."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()
