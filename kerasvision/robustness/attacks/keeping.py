"""Batches of an attack that are done stay in a folder, so that the same command goes on where it was stopped."""

import hashlib
import io
import json
import pathlib
import shutil
import zipfile

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.files import write_bytes, write_text

FOLDER = "attacked.partial"
_ABOUT, _KNOWN = "about.json", "known"


class KeptBatches:
    """Final. What came of batches (`report.attacked`, `scenes.attacked`), a file each, below `FOLDER` of a folder.

    about: JSON of what is attacked, such as the sha256 of a model; they count for the same one alone. of_parts: {part:
    JSON that counts for this part too}, such as of the model that its pictures are made on.
    """

    def __init__(self, folder, about, of_parts=None, part=""):
        self._folder, self._part = pathlib.Path(folder) / FOLDER, part
        self._held, self._of_parts = about, of_parts or {}

    def of(self, part):
        """Those of another attack within the same command."""
        return KeptBatches(self._folder.parent, self._held | self._of_parts.get(part, {}), self._of_parts, part)

    def begin(self, about):
        """Before the first batch of an attack that JSON says more of. Raises UsageError where the folder has batches of
        another one.
        """
        path = self._folder / self._part / _ABOUT
        own = json.loads(json.dumps(self._held | about))
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            write_text(path, json.dumps(own))
            return
        if apart := sorted(key for key in {*found, *own} if found.get(key) != own.get(key)):
            raise UsageError(
                f"{self._folder} has a part of another attack (they differ in {', '.join(apart)}); give the same words "
                "to go on with it, or another --out"
            )

    def row(self, number, examples):
        """What came of a batch, arrays by key, or None where it is not done. examples: the arrays that it comes of, as
        pixels and labels. Raises UsageError where they are not those that it came of.
        """
        try:
            with np.load(self._path(number)) as file:
                row = {key: file[key] for key in file.files}
        except (OSError, EOFError, ValueError, zipfile.BadZipFile):
            return None
        if row.pop(_KNOWN).tobytes() != _known(examples):
            raise UsageError(f"{self._folder} has a part of an attack on other pictures or labels; give another --out")
        return row

    def write(self, number, examples, row):
        """Keep what came of a batch, arrays by key. examples: as in `row`; they are known again, not kept."""
        held = io.BytesIO()
        np.savez(held, **row, **{_KNOWN: np.frombuffer(_known(examples), np.uint8)})
        write_bytes(self._path(number), held.getvalue())

    def forget(self):
        """Remove the folder, once all is written; also where there is none."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, number):
        return self._folder / self._part / f"{number:06d}.npz"


def kept_or_made(kept, number, examples, make):
    """What came of a batch before an interruption, or `make()` of it now, kept. kept: a `KeptBatches` or None."""
    row = kept.row(number, examples) if kept else None
    if row is None:
        row = make()
        if kept:
            kept.write(number, examples, row)
    return row


def _known(examples):
    held = hashlib.sha256()
    for array in examples:
        held.update(f"{array.dtype.str}{array.shape}".encode())
        held.update(np.ascontiguousarray(array).tobytes())
    return held.digest()
