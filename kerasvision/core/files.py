"""Files that are either whole or not there."""

import contextlib
import os
import pathlib

from kerasvision.core.errors import KerasVisionError


def write_text(path, text):
    """Text to a file, written beside and renamed."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path, content):
    """Bytes to a file, written beside and renamed."""
    _write(path, content, lambda partial: None)


def _write(path, content, between):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        between(partial)
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_durably(path, text):
    """`write_text` that is still there, whole, when the power fails after it has returned."""
    _write(path, text.encode("utf-8"), settle)
    settle(path.parent)


def settle(path):
    """Have the disk take what a file, or the list of names of a folder, is by now."""
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def write_figure(figure, path):
    """A matplotlib figure to a PNG, written beside and renamed."""
    partial = path.with_name(f".{path.name}")
    figure.savefig(partial, dpi=110, format="png")
    partial.replace(path)


@contextlib.contextmanager
def beside(path):
    """A path to write a picture to, renamed to `path` when that went well. What the disk refuses is one clear line."""
    path = pathlib.Path(path)
    held = path.with_name(f".{path.name}.partial")
    try:
        yield held
        held.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            held.unlink(missing_ok=True)
        raise KerasVisionError(
            f"cannot write {path}: {error.strerror}; give a file in a folder you can write"
        ) from None
