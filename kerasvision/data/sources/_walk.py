"""What lies below a folder: one walk for every source that looks for files, so that all of them leave out the same.

Hidden things are left out: previews, editors' copies and what an archive, a NAS or a file manager has left beside the
data. Links are followed, each folder once: a link back to a folder above would otherwise bring every picture again, or
those of another class. What is left out is counted.
"""

import dataclasses
import itertools
import os
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import splits

_LEFTOVERS = {  # lower case; beside all that begins with a dot
    *("@eadir", "#recycle", "@recycle", "#snapshot", "lost+found", "$recycle.bin", "system volume information"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
}
_COUNTED = 100_000  # files of a hidden folder; more are not counted


@dataclasses.dataclass(frozen=True)
class Below:
    """files: all that count, sorted. left: (kind, path, what is said of it) for each thing that does not."""

    files: tuple[pathlib.Path, ...]
    left: tuple[tuple[str, pathlib.Path, str], ...]

    def lines(self, root):
        """One line for each thing that was left out, as `Opened.dropped` has them; paths below `root`."""
        return [f"{kind}: {os.path.relpath(path, root)}{said}" for kind, path, said in self.left]


def is_hidden(name):
    """Whether a file or folder of this name is no part of anybody's data."""
    return name.startswith((".", "__MACOSX")) or name.lower() in _LEFTOVERS


def folders(path):
    """The folders in a folder, linked ones too, sorted, without hidden ones."""
    return [pathlib.Path(e.path) for e in _entries(path) if e.is_dir() and not is_hidden(e.name)]


def below(folder):
    """`Below` of a folder. A folder that may not be read is a `KerasVisionError`."""
    top = os.path.realpath(folder)
    if _holds(top, os.path.realpath(pathlib.Path(folder).parent)):
        raise KerasVisionError(f"{folder} is a link that leads back to a folder above it; remove it")
    files, left, seen = [], [], {top}
    waiting, links = [pathlib.Path(folder)], []
    while waiting or links:  # links last: what they lead to may lie here as well
        place = waiting.pop() if waiting else links.pop(0)
        if place.is_symlink() and place != folder:
            real = os.path.realpath(place)
            if real in seen or _holds(real, top):
                left.append(("links", place, " (leads to a folder that is looked at already)"))
                continue
            seen.add(real)
        _sort(place, files, left, waiting, links)
    return Below(tuple(sorted(files)), tuple(sorted(left)))


def named_like_splits(path):
    """The folders in a folder that are named like splits, sorted."""
    return [f for f in folders(path) if f.name.lower() in splits.ALIASES]


def beside(folder):
    """`Below` of a folder's own files, not of those deeper."""
    files, left = [], []
    _sort(pathlib.Path(folder), files, left, [], [])
    return Below(tuple(sorted(files)), tuple(sorted(left)))


def _sort(place, files, left, waiting, links):
    """Adds what lies in a folder to the lists."""
    for entry in _entries(place):
        path = pathlib.Path(entry.path)
        if is_hidden(entry.name):
            left.append(("hidden", path, _held(path)))
        elif entry.is_dir():
            (links if entry.is_symlink() else waiting).append(path)
        elif entry.is_file():
            files.append(path)
        elif entry.is_symlink():
            left.append(("links", path, " (leads nowhere)"))


def _entries(path):
    try:
        with os.scandir(path) as held:  # knows what is a folder without a look at each file
            return sorted(held, key=lambda entry: entry.name)
    except OSError as error:
        raise KerasVisionError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None


def _holds(folder, other):
    """Whether the real path `other` lies in the real path `folder`, or is it."""
    return (other + os.sep).startswith(folder.rstrip(os.sep) + os.sep)


def _held(path):
    """` (3 files)` of a hidden folder; nothing of a file."""
    if not path.is_dir() or path.is_symlink():
        return ""
    names = (name for _, _, held in os.walk(path) for name in held)
    count = sum(1 for _ in itertools.islice(names, _COUNTED))
    return f" ({count} files)"
