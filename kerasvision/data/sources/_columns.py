"""What the columns of a table of texts are: by their names, or guessed from the first rows and said."""

import collections
import dataclasses
import json

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.data.sources._table import Table, read_table
from kerasvision.data.text import lines, read_text

JSON_LINES = (".jsonl", ".ndjson")
LOOKED_AT = 1_000  # rows
MOST_CLASSES = 0.2  # of the rows: a column with more different values is guessed to be no label
TEXTS, LABELS = ("text", "sentence", "review", "comment", "title"), ("label", "class", "category")


@dataclasses.dataclass(frozen=True)
class Columns:
    """Names of columns; "" where there is none. targets: of numbers."""

    text: str
    label: str = ""
    labels: str = ""
    targets: tuple[str, ...] = ()


def open_table(path, what, named, header, between=";"):
    """A `Table` of a CSV, a TSV or JSON lines. named: columns that it may have. header: for who has none, what to
    write. between: as in `read_json_lines`. Raises KerasVisionError.
    """
    if str(path).lower().endswith(JSON_LINES):
        return read_json_lines(path, what, between)
    return read_table(path, what, named, header)


def require_columns(table, wanted, what):
    """Raises KerasVisionError, one line, of a column that is not there."""
    for name in wanted:
        if name not in table.columns:
            raise KerasVisionError(f"{what}: no column {name!r}; {close_matches(name, table.columns)}")


def read_json_lines(path, what, between=";"):
    """A `Table` of a file with a JSON object a line. between: what a list among its values is joined by to one cell, as
    several labels are.
    """
    rows, columns = [], {}
    for number, line in enumerate(lines(read_text(path, what)), 1):
        if not line.strip():
            continue
        try:
            held = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise KerasVisionError(f"{what}: line {number}: no JSON: {error}") from None
        if not isinstance(held, dict):
            raise KerasVisionError(f'{what}: line {number}: no object; write {{"text": "...", "label": "..."}}')
        rows.append((number, {str(k): _cell(v, f"{what}: line {number}: {k}", between) for k, v in held.items()}))
        columns |= dict.fromkeys(held)
    if not rows:
        raise KerasVisionError(f'{what}: no rows; write one object a line, as {{"text": "...", "label": "..."}}')
    return Table(tuple(columns), tuple((n, dict.fromkeys(columns, "") | row) for n, row in rows))


def _cell(value, where, between):
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(v, (str, int)) for v in value):
        return between.join(str(v).strip() for v in value)
    if isinstance(value, (str, int, float, bool)):
        return str(value).strip()
    raise KerasVisionError(f"{where} is {type(value).__name__}; allowed: a text, a number or a list of labels")


def columns_of(table, named, taken, what):
    """(`Columns`, lines about what was guessed). named: those that the user has named, "" and () where not; taken: the
    columns that say something else.
    """
    for name in (named.text, named.label, named.labels, *named.targets):
        if name and name not in table.columns:
            raise KerasVisionError(f"{what}: no column {name!r}; {close_matches(name, table.columns)}")
    head = [row for _, row in table.rows[:LOOKED_AT]]
    taken = {*taken, named.text, named.label, named.labels, *named.targets}
    free = [name for name in table.columns if name and name not in taken]
    text = named.text or _by_name(TEXTS, free) or _longest(head, free)
    if not text:
        raise KerasVisionError(f"{what}: no column of texts; it has {', '.join(table.columns)}; set text_column")
    said = [] if text in (named.text, "text") else [f"columns: {text!r} is read as the text; set text_column"]
    if named.label or named.labels or named.targets:
        return dataclasses.replace(named, text=text), said
    free = [name for name in free if name != text]
    if "labels" in free:
        return Columns(text, labels="labels"), said
    label = _by_name(LABELS, free) or _fewest(head, free)
    if not label:
        held = ", ".join(table.columns)
        raise KerasVisionError(
            f"{what}: no column of labels; it has {held}; set label_column, labels_column or target_columns"
        )
    said += [] if label == "label" else [f"columns: {label!r} is read as the label; set label_column"]
    return Columns(text, label=label), said


def _by_name(names, free):
    folded = {name.casefold(): name for name in free}
    return next((folded[name] for name in names if name in folded), "")


def _longest(head, free):
    """The column with the longest values on average, of those with blanks in them; "" for none."""
    size = {name: sum(len(row[name]) for row in head) for name in free if any(" " in row[name] for row in head)}
    return max(size, key=size.get, default="")


def _fewest(head, free):
    """The column with the fewest different values, two at least; "" for none."""
    count = {name: len({row[name] for row in head if row[name]}) for name in free}
    fitting = {name: n for name, n in count.items() if 2 <= n <= max(2, MOST_CLASSES * len(head))}
    return min(fitting, key=fitting.get, default="")


def without_empty(table, columns):
    """(rows that have a text, and where there is one label or numbers those; lines about the others)."""
    needed = {"text": (columns.text,), "label": (columns.label,) if columns.label else columns.targets}
    kept, left = [], collections.defaultdict(list)
    for line, row in table.rows:
        lacking = next((what for what, names in needed.items() if any(not row[name] for name in names)), None)
        if lacking:
            left[lacking].append(line)
        else:
            kept.append((line, row))
    said = [f"blank: {len(held)} rows have no {what}, the first in line {held[0]}" for what, held in left.items()]
    return kept, said
