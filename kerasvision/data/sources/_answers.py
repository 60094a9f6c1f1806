"""What a row of a table is to be answered with: a label, labels or numbers."""

import re

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.data.sources import _labels
from kerasvision.data.sources._files import Entry
from kerasvision.data.sources._rows import split_in
from kerasvision.data.sources._table import number_of

SEPARATORS = re.compile(r"[;|]")


def require_one(what, source):
    """Raise KerasVisionError of a source that names two of label_column, labels_column and target_columns."""
    if (source.label_column != "") + (source.labels_column != "") + (source.target_columns != ()) > 1:
        raise KerasVisionError(f"{what}: give one of label_column, labels_column and target_columns")


def values_of(rows, columns, classes, what):
    """(classes, labels or numbers of each row, lines about doubtful labels).

    rows: (line, {column: cell}). columns: `_columns.Columns`. classes: those that the user has named, or ().
    """
    if columns.targets:
        if classes:
            raise KerasVisionError(f"{what}: classes do not go with target_columns; leave one of them out")
        numbers = [tuple(number_of(row[name], name, line, what) for name in columns.targets) for line, row in rows]
        return columns.targets, numbers, ()
    if columns.labels:
        held = [[w.strip() for w in SEPARATORS.split(row[columns.labels]) if w.strip()] for _, row in rows]
    else:
        held = [[row[columns.label]] for _, row in rows]
    named = [(line, labels) for (line, _), labels in zip(rows, held, strict=True)]
    said = _labels.check(named, classes, bool(columns.labels), what)
    classes = classes or tuple(sorted({label for labels in held for label in labels}))
    index = {name: i for i, name in enumerate(classes)}
    for line, labels in named:
        if unknown := [label for label in labels if label not in index]:
            hint = close_matches(unknown[0], index)
            raise KerasVisionError(f"{what}: line {line}: label {unknown[0]!r} is none of the classes; {hint}")
    return classes, [tuple(sorted({index[label] for label in labels})) for labels in held], said


def entries_of(rows, values, named, plan):
    """An `Entry` a row, with the number of its row for a path. values: as of `values_of`. named: the columns of split
    and group, and whether values are numbers.
    """
    split_column, group_column, are_numbers = named
    entries = []
    for number, ((line, row), value) in enumerate(zip(rows, values, strict=True)):
        split, group = split_in(row, split_column, line, plan.what), row.get(group_column) or None
        labels, targets = ((), value) if are_numbers else (value, ())
        entries.append(Entry(str(number), f"line {line}", labels, split, group, targets))
    return entries


def answers_of(entries, columns):
    """{key: a value an entry}: `targets` float32, `labels` int32 of any length, or `label` int32."""
    if columns.targets:
        return {"targets": tf.constant([e.targets for e in entries], tf.float32)}
    if columns.labels:
        return {"labels": tf.ragged.constant([list(e.labels) for e in entries], dtype=tf.int32, ragged_rank=1)}
    return {"label": tf.constant([e.labels[0] for e in entries], tf.int32)}


def as_sample(record):
    """A record with such an answer, as a sample."""
    if "labels" in record:
        return record | {"labels": tf.ensure_shape(tf.convert_to_tensor(record["labels"]), [None])}
    return dict(record)
