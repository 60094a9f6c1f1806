"""CSV files that people and programs wrote, as rows: what `manifest`, `image_mask`, `volumes` and `cut_paste` share.

| what | what happens |
|---|---|
| UTF-8 with a byte-order mark, UTF-16 with one | read; other codings are refused (`data/text.py`) |
| `;`, tab or `\\|` between the columns | recognized by the header, which names the wanted columns |
| blanks around names of columns, other case (`File`), lines of `#` before the header, blank lines | no difference |
| `\\` between folders, where only `/` finds the file | read as `/`, which is said |
| values beyond the header | refused where there is something in them; a trailing separator is nothing |
| fewer values than the header | the others are empty, which is said |
| a column twice, a header that is missing | refused |
"""

import collections
import csv
import dataclasses
import io
import math
import os
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.text import read_text

_SEPARATORS = (",", ";", "\t", "|")


@dataclasses.dataclass(frozen=True)
class Table:
    """columns: their names. rows: [(number of the line where a row ends, {column: text without blanks around it})].

    said: what was read as a guess, one line each, as `Opened.dropped` has them.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict], ...]
    said: tuple[str, ...] = ()


def read_table(path, what, wanted, form):
    """`Table` of a CSV. wanted: columns that tell the separator and get the caller's spelling, others keep theirs.

    form: ends the message about an empty file, as "write a header file,label and one row a file".
    """
    if not path.is_file():
        raise KerasVisionError(f"{what}: {'not a file' if path.exists() else 'no such file'}")
    text = read_text(path, what)
    skipped = 0
    for line in io.StringIO(text, newline=""):
        if line.strip() and not line.lstrip().startswith("#"):
            break
        skipped += 1
    body = list(io.StringIO(text, newline=""))[skipped:]
    columns, held = _parsed(body, what, wanted)
    numbered = [(number + skipped, row) for number, row in held if any(v.strip() for v in row)]
    if not numbered:
        raise KerasVisionError(f"{what}: no rows; {form}")
    return _table(columns, numbered, what)


def columns_of(path):
    """The names of a CSV's columns; () where it is none."""
    try:
        text = read_text(path, str(path))
        body = [line for line in io.StringIO(text, newline="") if line.strip() and not line.lstrip().startswith("#")]
        return _parsed(body[:1], str(path), ("file", "mask", "label", "labels"))[0] if body else ()
    except (KerasVisionError, csv.Error):
        return ()


def first_row(path):
    """{column: text} of a CSV's first row; {} where there is none."""
    try:
        table = read_table(path, str(path), ("file", "mask", "label"), "")
    except KerasVisionError:
        return {}
    return table.rows[0][1]


def _parsed(body, what, wanted):
    """(names of columns, [(line number, values)]) by the separator whose header has most of the wanted columns."""
    names = {w.casefold(): w for w in wanted}

    def header(separator):
        cells = next(csv.reader(body[:1], delimiter=separator, skipinitialspace=True), [])
        return [names.get(c.strip().casefold(), c.strip()) if c.strip() not in wanted else c.strip() for c in cells]

    try:
        best = max(_SEPARATORS, key=lambda s: (len(set(header(s)) & set(wanted)), -_SEPARATORS.index(s)))
        reader = csv.reader(body, delimiter=best, skipinitialspace=True)
        next(reader, None)
        return header(best), [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise KerasVisionError(f"{what}: no CSV: {error}") from None


def _table(columns, numbered, what):
    twice = [c for c, n in collections.Counter(c for c in columns if c).items() if n > 1]
    if twice:
        raise KerasVisionError(f"{what}: the header names {twice[0]!r} twice; keep one, or give it another name")
    long = [line for line, row in numbered if any(v.strip() for v in row[len(columns) :])]
    if long:
        raise KerasVisionError(
            f"{what}: line {long[0]} has more values than the header; quote values that hold a comma"
        )
    short = [line for line, row in numbered if len(row) < len(columns)]
    said = []
    if short:
        said = [f"short: {len(short)} rows, the first in line {short[0]}, have fewer values than the header"]
    padding = [""] * len(columns)
    rows = [(n, dict(zip(columns, map(str.strip, [*row, *padding]), strict=False))) for n, row in numbered]
    return Table(tuple(columns), tuple(rows), tuple(said))


def placed(base, name):
    """(path of a file that a row names, whether it was only found with / in place of \\\\)."""
    path = pathlib.Path(base, name)
    if "\\" in name and not path.exists():
        other = pathlib.Path(base, name.replace("\\", "/"))
        if other.exists():
            return str(other), True
    return str(path), False


def same_file(path):
    """What two ways to write one path have in common."""
    return os.path.abspath(path)  # noqa: PTH100  resolve() would look at the disk, and follow links


def said_of_paths(count):
    """The line about `placed` paths, in a list; none where there were none."""
    return [f"paths: {count} rows write \\ between folders"] if count else []


def number_of(text, column, line, what):
    """A finite number of a cell."""
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise KerasVisionError(f"{what}: line {line}: {column} is {text!r}; a finite number is needed, as in 12.5")
    return value
