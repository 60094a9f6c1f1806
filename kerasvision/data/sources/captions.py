"""A table of pictures and what is written of each: any number of texts a picture, in any languages."""

import dataclasses
import pathlib
import typing

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources._columns import open_table, require_columns
from kerasvision.data.sources._files import Entry, Plan, arrange, grouped, named
from kerasvision.data.sources._rows import split_in, with_groups
from kerasvision.data.sources._table import placed, said_of_paths
from kerasvision.data.sources.base import Opened, Source, Split

_BETWEEN = "\x1f"  # texts of a list in a JSON line


@sources.register("captions")
@dataclasses.dataclass(frozen=True)
class Captions(Source):
    """Samples: `image_bytes`, `path`, `texts` string [N], N from 1 on, in UTF-8, and `text`, the first of them.

    path: a CSV or TSV with a header, written as for `manifest`, or a file with a JSON object a line. image_column: of
    paths relative to it; a picture may stand in several rows. text_columns: of texts, such as one a language; empty
    cells are none, and a text that a picture has already counts once. Pictures without any text are left out and
    counted. split_column and group_column are as in `manifest`, equal in all rows of a picture. Pictures of equal bytes
    stay in one split. validation_fraction, test_fraction: as in `manifest`, drawn with `seed`. skip_unreadable: leave
    out files that are no pictures.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("texts",)
    path: str
    image_column: str = "file"
    text_columns: tuple[str, ...] = ("text",)
    split_column: str = "split"
    group_column: str = "group"
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        return False  # a table of files and texts may be one of lines to be read (`text_lines`)

    def open(self):
        what = f"captions {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        if not self.text_columns:
            raise UsageError(f"{what}: text_columns=(); name one column of texts or more")
        table = self._table(what)
        pictures, changed = self._pictures(table, what)
        texts = {path: held for path, (_, held) in pictures.items() if held}
        if not texts:
            raise KerasVisionError(f"{what}: no picture has a text; {', '.join(self.text_columns)} are empty")
        missing = [name for path, (name, _) in pictures.items() if path in texts and not pathlib.Path(path).is_file()]
        if missing:
            seen = f"{len(missing)} of {len(texts)} files do not exist: {named(missing)}"
            raise KerasVisionError(f"{what}: {seen}; paths are relative to the table")
        entries = with_groups([entry for entry in self._entries(table, what) if entry.path in texts], what)
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, several=True, thing="picture")
        by_split, dropped = arrange(entries, (), plan)
        opened = {name: grouped(_split(held, texts), held) for name, held in by_split.items()}
        bare = len(pictures) - len(texts)
        blank = [f"blank: {bare} pictures have no text"] if bare else []
        return Opened((), opened, (*table.said, *said_of_paths(changed), *blank, *dropped))

    def _table(self, what):
        path, wanted = pathlib.Path(self.path).expanduser(), (self.image_column, *self.text_columns)
        every = (*wanted, self.split_column, self.group_column)
        table = open_table(path, what, every, "write a header file,text and a row a text", _BETWEEN)
        require_columns(table, wanted, what)
        return table

    def _placed(self, row, line, what):
        if not row[self.image_column]:
            raise KerasVisionError(f"{what}: line {line}: no {self.image_column}")
        return placed(pathlib.Path(self.path).expanduser().parent, row[self.image_column])

    def _pictures(self, table, what):
        """({path: (its name, its texts, each once)}, how many rows write \\ between folders)."""
        found, changed = {}, 0
        for line, row in table.rows:
            path, is_changed = self._placed(row, line, what)
            _, texts = found.setdefault(path, (row[self.image_column], []))
            cells = [text for column in self.text_columns for text in row[column].split(_BETWEEN)]
            texts += [text for text in dict.fromkeys(cells) if text and text not in texts]
            changed += is_changed
        return found, changed

    def _entries(self, table, what):
        """An `Entry` a picture, whose rows say the same of its split and group."""
        held = {}
        for line, row in table.rows:
            path, _ = self._placed(row, line, what)
            split = split_in(row, self.split_column, line, what)
            entry = Entry(path, row[self.image_column], (), split, row.get(self.group_column) or None)
            first = held.setdefault(path, entry)
            if (first.split, first.group) != (entry.split, entry.group):
                seen, before = ((e.split or "none", e.group or "none") for e in (entry, first))
                raise KerasVisionError(
                    f"{what}: line {line}: {entry.name} is in split {seen[0]}, group {seen[1]}, and before in split "
                    f"{before[0]}, group {before[1]}; write the same in all its rows"
                )
        return list(held.values())


def _split(entries, texts):
    held = [[text.encode() for text in texts[e.path]] for e in entries]
    records = {"path": [e.path for e in entries], "texts": tf.ragged.constant(held, tf.string, ragged_rank=1)}
    return Split(tf.data.Dataset.from_tensor_slices(records), _read, len(entries))


def _read(record):
    texts = tf.ensure_shape(tf.convert_to_tensor(record["texts"]), [None])
    return {
        "image_bytes": tf.io.read_file(record["path"]),
        "path": record["path"],
        "text": texts[0],
        "texts": texts,
    }
