"""From the rows of a CSV that names image files to entries: what `manifest` and `text_lines` share."""

import collections
import dataclasses
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import splits
from kerasvision.data.sources._files import Entry, named
from kerasvision.data.sources._table import placed, said_of_paths, same_file


@dataclasses.dataclass(frozen=True)
class Columns:
    """Names of columns: of files, relative to the CSV, and of a file's split and group, which need not be there."""

    file: str = "file"
    split: str = "split"
    group: str = "group"


def entries_of(base, table, ids, columns, what):
    """(an `Entry` a row, all of whose files exist; lines about how rows were read).

    base: path of the CSV. table: a `Table`. ids: labels of each row. columns: a `Columns`. what: begins messages.
    """
    held = [_entry(base, row, line, i, columns, what) for (line, row), i in zip(table.rows, ids, strict=True)]
    entries = [entry for entry, _ in held]
    _check_files(entries, what)
    words = {row.get(columns.split, "").lower() for _, row in table.rows}
    said = [f"splits: {word!r} is read as validation" for word in splits.GUESSED if word in words]
    return with_groups(entries, what), [*said, *said_of_paths(sum(changed for _, changed in held))]


def _entry(base, row, line, labels, columns, what):
    """(entry, whether its path was written with \\)."""
    name = row[columns.file]
    if not name:
        raise KerasVisionError(f"{what}: line {line}: no {columns.file}")
    split = split_in(row, columns.split, line, what)
    path, changed = placed(base.parent, name)
    return Entry(path, name, labels, split, row.get(columns.group) or None), changed


def split_in(row, column, line, what):
    """The split that a row names, or None."""
    split = row.get(column, "").lower()
    if split and split not in splits.ALIASES:
        allowed = ", ".join(splits.NAMES)
        raise KerasVisionError(f"{what}: line {line}: {column} {split!r}; allowed: {allowed} or empty")
    return splits.ALIASES.get(split)


def _check_files(entries, what):
    missing = [e.name for e in entries if not pathlib.Path(e.path).is_file()]
    if missing:
        seen = f"{len(missing)} of {len(entries)} files do not exist: {named(missing)}"
        raise KerasVisionError(f"{what}: {seen}; paths are relative to the CSV")
    rows = collections.defaultdict(list)
    for entry in entries:
        rows[same_file(entry.path)].append(entry)
    twice = {path: held for path, held in rows.items() if len(held) > 1}
    if twice:
        other = sum(len({(e.labels, e.targets) for e in held}) > 1 for held in twice.values())
        differ = f", {other} of them with other labels" if other else ""
        listed = named(" = ".join(e.name for e in held) for held in twice.values())
        raise KerasVisionError(
            f"{what}: {len(twice)} files stand in several rows{differ}: {listed}; keep one row a file"
        )


def with_groups(entries, what):
    """Undecided files follow the rest of their group; a group that the split column itself tears apart is an error."""
    held = collections.defaultdict(set)
    for entry in entries:
        if entry.group is not None and entry.split is not None:
            held[entry.group].add(entry.split)
    torn = [group for group, names in held.items() if len(names) > 1]
    if torn:
        raise KerasVisionError(f"{what}: groups in more than one split: {named(torn)}; keep each in one")
    follows = {group: next(iter(names)) for group, names in held.items()}
    return [dataclasses.replace(e, split=e.split or follows.get(e.group)) for e in entries]
