"""A table with a text in each row, and its label, labels or numbers."""

import dataclasses
import pathlib
import typing

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources._answers import answers_of, as_sample, entries_of, require_one, values_of
from kerasvision.data.sources._columns import JSON_LINES, Columns, columns_of, open_table, without_empty
from kerasvision.data.sources._files import Plan, check_classes, grouped, shared_out, without_leaks
from kerasvision.data.sources._rows import with_groups
from kerasvision.data.sources._table import columns_of as header_of
from kerasvision.data.sources.base import Opened, Source, Split


@sources.register("table")
@dataclasses.dataclass(frozen=True)
class TextTable(Source):
    """Samples: `text`, a string in UTF-8, and `label` int32, or `labels` int32 [N], N from 0 on, or `targets` float32
    [N], whose columns' names then stand for the classes.

    path: a CSV or TSV with a header, written as for `manifest`, or a file with a JSON object a line. text_column,
    label_column, labels_column (separated by ; or |, or a list) and target_columns name what is read; a name that is
    not given is guessed from the first 1,000 rows, which is said. split_column and group_column are as in `manifest`.
    Rows without a text or a label are left out and counted; of several labels none is fine. Rows with one text, but
    for blanks and case, stay in one split; where the table itself puts it into two, the one that judges counts.
    classes: the class names in order, anything else is then an error; empty takes the sorted labels. A split without
    any row is cut out of training: validation_fraction and test_fraction of it, drawn with `seed`.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("label", "labels", "targets")
    suffixes: typing.ClassVar[tuple[str, ...]] = (".csv", ".tsv", *JSON_LINES)
    opens: typing.ClassVar[str] = "a .csv, .tsv or .jsonl of texts and labels"

    path: str
    text_column: str = ""
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
        if not path.is_file():
            return False
        if path.name.lower().endswith((".tsv", *JSON_LINES)):
            return True
        columns = set(header_of(path))
        return "text" in columns and "file" not in columns

    def open(self):
        what = f"table {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        require_one(what, self)
        table = self._table(what)
        named = Columns(self.text_column, self.label_column, self.labels_column, self.target_columns)
        columns, said = columns_of(table, named, (self.split_column, self.group_column), what)
        rows, blank = without_empty(table, columns)
        if not rows:
            raise KerasVisionError(f"{what}: no row has a text and a label")
        classes, values, doubtful = values_of(rows, columns, self.classes, what)
        texts = [row[columns.text] for _, row in rows]
        several = bool(columns.labels or columns.targets)
        plan = Plan(what, fractions, self.seed, False, several, bool(self.classes), thing="text")
        by_split, copies = self._by_split(rows, texts, values, classes, plan)
        opened = {name: _split(held, texts, columns) for name, held in by_split.items()}
        return Opened(classes, opened, (*table.said, *said, *blank, *doubtful, *copies))

    def _table(self, what):
        path = pathlib.Path(self.path).expanduser()
        wanted = (self.text_column or "text", self.label_column or "label", self.labels_column or "labels")
        wanted = (*wanted, *self.target_columns, self.split_column, self.group_column)
        return open_table(path, what, wanted, "write a header text,label and one row a text")

    def _by_split(self, rows, texts, values, classes, plan):
        """({split: its entries, each with the number of its row for a path}, lines about copies)."""
        named = (self.split_column, self.group_column, bool(self.target_columns))
        entries = entries_of(rows, values, named, plan)
        check_classes(entries, classes, plan)
        entries = with_groups(entries, plan.what)
        keys = [" ".join(text.casefold().split()) for text in texts]
        entries, keys, copies = without_leaks(entries, keys, "text")
        groups = splits.linked(keys, [e.group for e in entries])
        return shared_out(entries, groups, classes, plan), tuple(copies)


def _split(entries, texts, columns):
    records = {"text": [texts[int(e.path)].encode() for e in entries]} | answers_of(entries, columns)
    split = Split(tf.data.Dataset.from_tensor_slices(records), as_sample, len(entries))
    return grouped(split, entries)
