"""A mark of a version's files on disk, which changes when they do."""

import os
import pathlib


def mark_of(folder):
    """((path, bytes, time of writing), ...) of every file below a version's folder, and of its signature beside it.

    A file that grows while it is copied changes the time of no folder, so each file is looked at.
    """
    paths = [folder.with_name(f"{folder.name}.signature.json")]
    for place, _, names in os.walk(folder):
        paths += [pathlib.Path(place, name) for name in names]
    return tuple(sorted(map(_row, paths)))


def _row(path):
    try:
        held = path.stat()
    except OSError:  # not there, or no longer
        return str(path), -1, 0
    return str(path), held.st_size, held.st_mtime_ns
