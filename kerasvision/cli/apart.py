"""No file is read and written by one command."""

import pathlib

from kerasvision.core.errors import UsageError


def check_apart(read, written):
    """Raises UsageError, one line, of a file that is to be written and is read, or written twice, which would destroy
    it. read: paths, some None. written: {argument: path or None}.
    """
    others = [pathlib.Path(path) for path in read if path and path != "-"]
    for argument, path in written.items():
        if not path:
            continue
        if any(_is_same(other, pathlib.Path(path)) for other in others):
            raise UsageError(f"{argument} {path}: the same file is read, or written too; name another one")
        others.append(pathlib.Path(path))


def _is_same(one, other):
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
