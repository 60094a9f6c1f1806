"""Where sounds and their classes lie: folders, or a CSV, as entries for `sources/sounds`."""

import dataclasses
import pathlib

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.data import splits
from kerasvision.data.sounds import SUFFIXES
from kerasvision.data.sources import _labels
from kerasvision.data.sources._answers import SEPARATORS
from kerasvision.data.sources._files import Entry, named
from kerasvision.data.sources._rows import Columns, entries_of
from kerasvision.data.sources._table import first_row, read_table
from kerasvision.data.sources._walk import below, beside, folders

_PLACES = "put sounds into a folder a class, as in dog/1.wav, or name a CSV with the columns file and label"
_LOOKED_AT = 200  # files of a folder, to see whether it holds sounds


@dataclasses.dataclass(frozen=True)
class Found:
    """entries: at least one. classes: names. lines: as `Opened.dropped` has them."""

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    lines: tuple[str, ...]
    several: bool = False  # labels of an entry


def find(path, what, declared=()):
    """`Found` below a folder or in a CSV. declared: classes, in order; (): sorted labels or folders."""
    place = pathlib.Path(path).expanduser()
    if place.is_dir():
        return _of_folders(place, what, declared)
    if place.is_file() and place.suffix.lower() == ".csv":
        return _of_csv(place, what, declared)
    raise KerasVisionError(f"{what}: {'no folder and no .csv file' if place.exists() else 'no such folder or file'}")


def holds_sounds(root):
    """Whether the first files of the folders in a folder, or a folder deeper, are sounds."""
    inside = [f for base in (root, *folders(root)) for f in folders(base)]
    return any(is_sound(f) for folder in inside[:_LOOKED_AT] for f in beside(folder).files[:_LOOKED_AT])


def is_sound_csv(file):
    """Whether the first row of a CSV names a sound."""
    return is_sound(pathlib.Path(first_row(file).get("file", "")))


def is_sound(path):
    """By its name."""
    return path.suffix.lower() in SUFFIXES


def _parts(root, what):
    """{split: folder of class folders}; {None: root} where the folders are classes."""
    inside = folders(root)
    parts = {}
    for folder in inside:
        split = splits.ALIASES.get(folder.name.lower())
        if split in parts:
            raise KerasVisionError(f"{what}: two folders for one split: {parts[split].name}, {folder.name}; keep one")
        if split and any(is_sound(f) for inner in folders(folder) for f in below(inner).files):
            parts[split] = folder
    if not parts:
        return {None: root}
    others = [f.name for f in inside if f not in parts.values()]
    if "train" not in parts or others:
        seen = f"{named(others)} beside them" if others else "no train"
        raise KerasVisionError(f"{what}: folders of splits ({named(f.name for f in parts.values())}), and {seen}; mend")
    return parts


def _of_folders(root, what, declared):
    entries, lines, by_split = [], [], {}
    parts = _parts(root, what)
    for place in dict.fromkeys((root, *parts.values())):
        lines += [f"loose: {f.relative_to(root)}" for f in beside(place).files if is_sound(f)]
    for split, base in parts.items():
        for folder in folders(base):
            held = below(folder)
            files = [f for f in held.files if is_sound(f)]
            others = [f for f in held.files if not is_sound(f)]
            lines += [*held.lines(root), *(f"not a sound: {f.relative_to(root)}" for f in others)]
            by_split.setdefault(split, {})[folder.name] = files
    names = sorted({name for by in by_split.values() for name, files in by.items() if files})
    if not names:
        raise KerasVisionError(f"{what}: no sounds ({', '.join(SUFFIXES)}) in its folders; {_PLACES}")
    empty = [name for by in by_split.values() for name, files in by.items() if not files]
    if empty:
        raise KerasVisionError(f"{what}: class folders without sounds: {named(empty)}; fill or remove them")
    classes = declared or tuple(names)
    for name in names:
        _check_class(name, classes, what)
    for split, by in by_split.items():
        for name, files in by.items():
            label = (classes.index(name),)
            entries += [Entry(str(f), str(f.relative_to(root)), label, split) for f in files]
    return Found(tuple(entries), classes, tuple(lines))


def _of_csv(file, what, declared):
    wanted = ("file", "label", "labels", "split", "group")
    table = read_table(file, what, wanted, "write a header file,label and one row a sound")
    if "file" not in table.columns or ("label" in table.columns) == ("labels" in table.columns):
        raise KerasVisionError(
            f"{what}: it has {', '.join(table.columns)}; allowed: the columns file and either label, one class a "
            "sound, or labels, several separated by ; or |"
        )
    several = "labels" in table.columns
    held = [(line, _named(row, line, several, what)) for line, row in table.rows]
    said = _labels.check(held, declared, several, what)
    classes = declared or tuple(sorted({name for _, names in held for name in names}))
    for line, names in held:
        for name in names:
            _check_class(name, classes, f"{what}: line {line}")
    ids = [tuple(sorted({classes.index(name) for name in names})) for _, names in held]
    entries, more = entries_of(file, table, ids, Columns(), what)
    return Found(tuple(entries), classes, (*table.said, *said, *more), several)


def _named(row, line, several, what):
    """The labels of a row; of several none is fine."""
    if several:
        return [name.strip() for name in SEPARATORS.split(row["labels"]) if name.strip()]
    if not row["label"]:
        raise KerasVisionError(f"{what}: line {line}: no label")
    return [row["label"]]


def _check_class(name, classes, what):
    if name not in classes:
        raise KerasVisionError(f"{what}: {name!r} is none of the classes; {close_matches(name, classes)}")
