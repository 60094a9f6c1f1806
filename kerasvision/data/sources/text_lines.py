"""Pictures of single lines of text, each with what stands there."""

import collections
import dataclasses
import pathlib
import re
import typing

import tensorflow as tf

from kerasvision.core.characters import BLANK, classes_of, text_of
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources._alphabet import missing
from kerasvision.data.sources._files import Entry, Plan, named, open_entries
from kerasvision.data.sources._rows import Columns, entries_of
from kerasvision.data.sources._table import columns_of, read_table
from kerasvision.data.sources._text_places import is_icdar
from kerasvision.data.sources._walk import below
from kerasvision.data.sources.base import Pictures
from kerasvision.data.text import read_text

TEXT = "text"
LOOKED_AT = 20  # pictures of a folder that tell what it is
_BOXES = re.compile(r"(\d+(\s+[-+.\de]+){4,}\s*)+", re.IGNORECASE)  # a YOLO file, which stands beside its picture too


@sources.register("text_lines")
@dataclasses.dataclass(frozen=True)
class TextLines(Pictures):
    """Samples: `image_bytes`, `characters` int32 [N], the classes of a line's characters in reading order, and `path`.

    path: a CSV with the columns file (relative to it) and text, and where wanted split and group, as in `manifest`; or
    a folder of pictures with a .txt beside each, of the same name, that holds its line. Texts are brought to Unicode's
    composed form, blanks around them are taken away, and several in a row are one.

    classes: the alphabet in order, each class one character as `core.characters` has them and the blank as "␣"; a
    character that is not among them is then an error. Empty takes the sorted characters of all lines. A split without
    any line is cut out of training; validation_fraction, test_fraction, seed and skip_unreadable are as in
    `image_folder`.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("characters",)
    suffixes: typing.ClassVar[tuple[str, ...]] = (".csv",)
    opens: typing.ClassVar[str] = "pictures of lines with a .txt each, or a .csv of files and text"

    path: str
    classes: tuple[str, ...] = ()
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        if path.is_file():
            columns = set(columns_of(path))
            return {"file", TEXT} <= columns and not {"label", "labels"} & columns
        if not path.is_dir():
            return False
        pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)[:LOOKED_AT]
        texts = [p.with_suffix(".txt") for p in pictures]
        if not texts or not all(text.is_file() for text in texts):
            return False
        written = [read_text(text, str(text)).strip() for text in texts]
        return any(text and not _BOXES.fullmatch(text) and not is_icdar(text) for text in written)

    def open(self):
        what = f"text_lines {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        base = pathlib.Path(self.path).expanduser()
        entries, texts, said = self._folder(base, what) if base.is_dir() else self._table(base, what)
        lines = [classes_of(" ".join(text.split())) for text in texts]
        if empty := [e.name for e, line in zip(entries, lines, strict=True) if not line]:
            raise KerasVisionError(
                f"{what}: {len(empty)} of {len(lines)} lines have no text: {named(empty)}; write it, or remove them"
            )
        classes = self.classes or tuple(sorted({name for line in lines for name in line}))
        index = {name: i for i, name in enumerate(classes)}
        _refuse_unknown(entries, lines, index, what)
        entries = [
            dataclasses.replace(e, labels=tuple(index[name] for name in line))
            for e, line in zip(entries, lines, strict=True)
        ]
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, several=True, declared=bool(self.classes))
        opened = open_entries(entries, classes, plan)
        told = missing(classes, {n: _labels_of(split) for n, split in opened.splits.items()})
        held = {n: dataclasses.replace(s, read=_of_line(s.read)) for n, s in opened.splits.items()}
        return self.as_labeled(dataclasses.replace(opened, splits=held, dropped=(*opened.dropped, *said, *told)))

    def _table(self, base, what):
        table = read_table(base, what, ("file", TEXT, "split", "group"), "write a header file,text and one row a line")
        if missing := [name for name in ("file", TEXT) if name not in table.columns]:
            held = ", ".join(table.columns)
            raise KerasVisionError(f"{what}: no column {missing[0]!r}; it has {held}; write a header file,text")
        entries, said = entries_of(base, table, [()] * len(table.rows), Columns(), what)
        return entries, [row[TEXT] for _, row in table.rows], [*table.said, *said]

    def _folder(self, base, what):
        pictures = [p for p in below(base).files if p.suffix.lower() in SUFFIXES]
        if not pictures:
            raise KerasVisionError(f"{what}: no picture of a line ({', '.join(SUFFIXES)})")
        bare = [p for p in pictures if not p.with_suffix(".txt").is_file()]
        if bare:
            listed = named(str(p.relative_to(base)) for p in bare)
            raise KerasVisionError(
                f"{what}: {len(bare)} of {len(pictures)} pictures have no .txt of their name: {listed}; write those, "
                "or remove the pictures"
            )
        entries = [Entry(str(p), str(p.relative_to(base)), (), _split_of(p.relative_to(base))) for p in pictures]
        return entries, [read_text(p.with_suffix(".txt"), f"{what}: {p.stem}.txt") for p in pictures], []


def _split_of(relative):
    """The split that the first folder names, or None."""
    return splits.ALIASES.get(relative.parts[0].lower()) if len(relative.parts) > 1 else None


def _refuse_unknown(entries, lines, index, what):
    """Lines with characters beyond the alphabet: which ones, how often, in which files."""
    count = collections.Counter(name for line in lines for name in line if name not in index)
    if not count:
        return
    where = [e.name for e, line in zip(entries, lines, strict=True) if any(name in count for name in line)]
    seen = named((f"{text_of([name])!r} {number} times" for name, number in count.most_common()), 5)
    raise KerasVisionError(
        f"{what}: characters beyond the alphabet of {len(index)}: {seen}; in {named(where)}; add them to classes "
        f"(a blank as {BLANK!r}), or leave classes empty"
    )


def _labels_of(split):
    """int [N] of each line."""
    return split.records.map(lambda record: tf.convert_to_tensor(record["labels"])).as_numpy_iterator()


def _of_line(read):
    def of_line(record):
        sample = read(record)
        return {k: v for k, v in sample.items() if k != "labels"} | {"characters": tf.cast(sample["labels"], tf.int32)}

    return of_line
