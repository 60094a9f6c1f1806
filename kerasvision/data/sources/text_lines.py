"""Pictures of single lines of text, each with what stands there."""

import collections
import dataclasses
import os
import pathlib
import re
import typing

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources._alphabet import missing, refuse_unknown
from kerasvision.data.sources._crop_rows import crops_of, is_crops
from kerasvision.data.sources._files import Entry, Plan, named, open_entries
from kerasvision.data.sources._rows import Columns, entries_of
from kerasvision.data.sources._table import columns_of, read_table
from kerasvision.data.sources._text_places import is_icdar
from kerasvision.data.sources._walk import below
from kerasvision.data.sources._wording import reordered, seen, without_marks
from kerasvision.data.sources.base import Pictures
from kerasvision.data.text import lines, read_head, read_text

TEXT = "text"
HEAD = 4096  # bytes of a list that tell what it is
LOOKED_AT = 20  # pictures of a folder that tell what it is
_BOXES = re.compile(r"(\d+(\s+[-+.\de]+){4,}\s*)+", re.IGNORECASE)  # a YOLO file, which stands beside its picture too


@sources.register("text_lines")
@dataclasses.dataclass(frozen=True)
class TextLines(Pictures):
    """Samples: `image_bytes`, `characters` int32 [N], the classes of a line's characters, and `path`.

    path: a CSV with the columns file (relative to it) and text, and where wanted split and group, as in `manifest`; or
    a folder of pictures with a .txt beside each, of the same name, that holds its line; or a gt.txt (any .txt) as ICDAR
    has it for pictures of words, word_1.png, "text" a row, its pictures relative to it, or a folder of such files whose
    names end with gt.txt (`_crop_rows.crops_of`). What is ### there is left out, which is said, and so are pictures of
    the folder that no row names. Texts are brought to Unicode's composed form, blanks around them are taken away, and
    several in a row are one. They are written in reading order; characters are those from left to right as they stand
    in the picture, which of scripts from right to left are the other way around (`edge.pages.line_direction`).

    classes: the alphabet in order, each class one character as `core.characters` has them and the blank as "␣"; a
    character that is not among them is then an error. Empty takes the sorted characters of all lines. A split without
    any line is cut out of training; validation_fraction, test_fraction, seed and skip_unreadable are as in
    `image_folder`.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("characters",)
    suffixes: typing.ClassVar[tuple[str, ...]] = (".csv", ".txt")
    opens: typing.ClassVar[str] = "pictures of lines with a .txt each, or a .csv or gt.txt of files and text"

    path: str
    classes: tuple[str, ...] = ()
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        if path.is_file() and path.suffix.lower() == ".txt":
            return _is_list(path)
        if path.is_file():
            columns = set(columns_of(path))
            return {"file", TEXT} <= columns and not {"label", "labels"} & columns
        if not path.is_dir():
            return False
        if held := _lists_below(path):
            return any(not _names_places(file) for file in held)
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
        listed = _lists_below(base) if base.is_dir() else [base] if base.suffix.lower() == ".txt" else []
        laid = self._folder if base.is_dir() else self._table
        entries, texts, said = _listed(base, listed, what) if listed else laid(base, what)
        texts = [" ".join(without_marks(text).split()) for text in texts]
        lines, said = [seen(text) for text in texts], [*said, *reordered(texts)]
        if empty := [e.name for e, line in zip(entries, lines, strict=True) if not line]:
            raise KerasVisionError(
                f"{what}: {len(empty)} of {len(lines)} lines have no text: {named(empty)}; write it, or remove them"
            )
        classes = self.classes or tuple(sorted({name for line in lines for name in line}))
        refuse_unknown([e.name for e in entries], lines, classes, what)
        index = {name: i for i, name in enumerate(classes)}
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


def _is_list(file):
    """Whether a .txt has rows of pictures and texts, by its head."""
    head = read_head(file, HEAD)
    return is_crops(head if file.stat().st_size <= HEAD else "\n".join(lines(head)[:-1]))


def _names_places(file):
    """Whether the texts of a list are names of folders or files beside it: classes of pictures, or other pictures."""
    held = crops_of(read_text(file, str(file)), str(file)).crops
    return all(text and _is_there(file.parent / text) for _, text in held)


def _is_there(path):
    """As `Path.exists`, also of a name that is too long for any file."""
    try:
        return path.exists()
    except OSError:
        return False


def _lists_below(folder):
    """The .txt files of a folder that list pictures and texts, by their names and heads."""
    return [f for f in below(folder).files if f.name.lower().endswith("gt.txt") and _is_list(f)]


def _listed(base, files, what):
    """(entries, texts, lines about what was left out) of lists of pictures and texts. base: a folder, or the list."""
    root, rows, said = (base if base.is_dir() else base.parent), [], []
    for file in files:
        held = crops_of(read_text(file, f"{what}: {file.name}"), f"{what}: {file.name}")
        rows += [(file.parent / name, text) for name, text in held.crops]
        said += held.said
    names = [os.path.relpath(path, root) for path, _ in rows]
    if gone := [name for name, (path, _) in zip(names, rows, strict=True) if not _is_there(path)]:
        raise KerasVisionError(
            f"{what}: {len(gone)} of {len(rows)} pictures do not exist: {named(gone)}; names are relative to their "
            f"{files[0].name}"
        )
    if twice := [name for name, count in collections.Counter(names).items() if count > 1]:
        raise KerasVisionError(f"{what}: {len(twice)} pictures stand in several rows: {named(twice)}; keep one each")
    said += [f"illegible: {name}" for name, (_, text) in zip(names, rows, strict=True) if text is None]
    kept = [(name, path, text) for name, (path, text) in zip(names, rows, strict=True) if text is not None]
    if not kept:
        raise KerasVisionError(f"{what}: all {len(rows)} texts are ###, which nobody could read; write some")
    others = [p for p in below(base).files if p.suffix.lower() in SUFFIXES] if base.is_dir() else []
    if loose := sorted({os.path.relpath(p, root) for p in others} - set(names)):
        said.append(f"unlisted: {len(loose)} pictures that no row names: {named(loose)}")
    entries = [Entry(str(path), name, (), _split_of(pathlib.Path(name))) for name, path, _ in kept]
    return entries, [text for _, _, text in kept], said


def _split_of(relative):
    """The split that the first folder names, or None."""
    return splits.ALIASES.get(relative.parts[0].lower()) if len(relative.parts) > 1 else None


def _labels_of(split):
    """int [N] of each line."""
    return split.records.map(lambda record: tf.convert_to_tensor(record["labels"])).as_numpy_iterator()


def _of_line(read):
    def of_line(record):
        sample = read(record)
        return {k: v for k, v in sample.items() if k != "labels"} | {"characters": tf.cast(sample["labels"], tf.int32)}

    return of_line
