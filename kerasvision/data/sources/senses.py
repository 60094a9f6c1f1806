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

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data import readable, splits
from kerasvision.data.sources import _labels
from kerasvision.data.sources._columns import read_json_lines
from kerasvision.data.sources._files import (
    Entry,
    Plan,
    check_classes,
    content_keys,
    grouped,
    named,
    shared_out,
    without_leaks,
)
from kerasvision.data.sources._rows import split_in, with_groups
from kerasvision.data.sources._table import number_of, placed, read_table
from kerasvision.data.sources.base import Opened, Source, Split

JSON_LINES = (".jsonl", ".ndjson")
BLANK = b" "  # in place of a text that is missing


@sources.register("senses")
@dataclasses.dataclass(frozen=True)
class Senses(Source):
    """Samples: of the columns that are named `image_bytes`, `text`, a string in UTF-8, and `numbers` float32 [N], NaN
    where a cell is empty; `senses` uint8 [M], 1 for each of image, text and numbers that the row has (of numbers one at
    least), in this order; and `label` int32.

    path: a CSV or TSV with a header, written as for `manifest`, or a file with a JSON object a line. image_column: of
    paths relative to it. At least two of image_column, text_column and number_columns are given. An empty cell is a
    sense that is missing. Rows without a label, or without any sense, are left out and counted. Rows with pictures of
    equal bytes, and rows without a picture that are equal, stay in one split. label_column, split_column, group_column,
    classes and the fractions are as in `manifest`.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("label",)
    path: str
    image_column: str = ""
    text_column: str = ""
    number_columns: tuple[str, ...] = ()
    label_column: str = "label"
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
        table = self._table(what)
        rows, left = self._rows(table, what)
        rows = self._with_files(rows, what)
        named_labels = [(line, [row[self.label_column]]) for line, row in rows]
        said = _labels.check(named_labels, self.classes, False, what)
        classes = self.classes or tuple(sorted({label for _, (label,) in named_labels}))
        plan = Plan(what, fractions, self.seed, False, False, bool(self.classes), thing="row")
        by_split, copies = self._by_split(rows, classes, plan)
        numbers = [self._numbers(row, line, what) for line, row in rows]
        opened = {name: self._split(held, rows, numbers) for name, held in by_split.items()}
        return Opened(classes, opened, (*table.said, *left, *said, *copies))

    @property
    def _cells(self):
        """The columns of senses."""
        return tuple(name for name in (self.image_column, self.text_column) if name) + self.number_columns

    def _table(self, what):
        given = bool(self.image_column) + bool(self.text_column) + bool(self.number_columns)
        if given < 2:
            raise KerasVisionError(
                f"{what}: {given} sense is named; give two or more of image_column, text_column and number_columns"
            )
        path, wanted = pathlib.Path(self.path).expanduser(), (*self._cells, self.label_column)
        if path.name.lower().endswith(JSON_LINES):
            table = read_json_lines(path, what)
        else:
            every = (*wanted, self.split_column, self.group_column)
            table = read_table(path, what, every, "write a header image,text,label and one row an example")
        for name in wanted:
            if name not in table.columns:
                raise KerasVisionError(f"{what}: no column {name!r}; {close_matches(name, table.columns)}")
        return table

    def _rows(self, table, what):
        """(rows that have a label and a sense, lines about the others)."""
        kept, left = [], collections.defaultdict(list)
        for line, row in table.rows:
            lacking = "label" if not row[self.label_column] else ""
            lacking = lacking or ("sense" if not any(row[name] for name in self._cells) else "")
            if lacking:
                left[lacking].append(line)
            else:
                kept.append((line, row))
        if not kept:
            raise KerasVisionError(f"{what}: no row has a label and one of {', '.join(self._cells)}")
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

    def _by_split(self, rows, classes, plan):
        """({split: its entries, each with the number of its row for a path}, lines about copies)."""
        index, entries = {name: i for i, name in enumerate(classes)}, []
        for number, (line, row) in enumerate(rows):
            label, split = row[self.label_column], split_in(row, self.split_column, line, plan.what)
            if label not in index:
                hint = close_matches(label, index)
                raise KerasVisionError(f"{plan.what}: line {line}: label {label!r} is none of the classes; {hint}")
            group = row.get(self.group_column) or None
            entries.append(Entry(str(number), f"line {line}", (index[label],), split, group))
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
        records = {"label": tf.constant([e.labels[0] for e in entries], tf.int32)}
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
    sample = dict(record)
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
