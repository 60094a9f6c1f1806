"""Pictures without labels: one folder or several, with all that lies below them."""

import dataclasses
import os
import pathlib

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES, UNSUPPORTED
from kerasvision.data.sources._files import Entry, Plan, arrange, grouped
from kerasvision.data.sources._walk import below, named_like_splits
from kerasvision.data.sources.base import Opened, Pictures, Split


@sources.register("pictures")
@dataclasses.dataclass(frozen=True)
class PictureFolders(Pictures):
    """Samples: `image_bytes`, `path`. There are no labels and no classes: what folders are called means nothing.

    path: a folder, or several. Folders in it that are named like splits (train, validation, test), one of them like
    training, are those splits. A split that has no folder is cut out of training: validation_fraction and test_fraction
    of it, drawn with `seed`; 0 cuts none. Files of equal bytes stay in one split. skip_unreadable: leave out files that
    cannot be decoded, and report them, in place of refusing.
    """

    path: str | tuple[str, ...]
    validation_fraction: float = 0.1
    test_fraction: float = 0.0
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        """Never unasked: a folder of pictures may be classes, lines of text or objects."""
        return False

    def open(self):
        paths = (self.path,) if isinstance(self.path, str) else self.path
        what = f"pictures {', '.join(map(repr, paths))}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        if not paths:
            raise UsageError("pictures: no folder; name one or more")
        entries, lines = [], []
        for path in paths:
            found, said = _found(pathlib.Path(path).expanduser(), what)
            entries += found
            lines += said
        if not entries:
            raise KerasVisionError(f"{what}: no pictures; allowed: {', '.join(SUFFIXES)}")
        by_split, dropped = arrange(entries, (), Plan(what, fractions, self.seed, self.skip_unreadable, several=True))
        _require_pictures(by_split["train"], what)
        opened = {name: grouped(_split(held), held) for name, held in by_split.items()}
        return self.as_labeled(Opened((), opened, (*dropped, *lines)))


def _found(root, what):
    """(entries, lines of what was left out) of one folder."""
    if not root.is_dir():
        raise KerasVisionError(f"{what}: {root} is {'not a folder' if root.exists() else 'not there'}")
    meant = [(folder, splits.ALIASES[folder.name.lower()]) for folder in named_like_splits(root)]
    meant = meant if any(split == "train" for _, split in meant) else [(root, None)]
    entries, lines = [], []
    for folder, split in meant:
        held = below(folder)
        images = [f for f in held.files if f.suffix.lower() in SUFFIXES + UNSUPPORTED]
        entries += [Entry(str(f), os.path.relpath(f, root), (), split) for f in images]
        lines += [*held.lines(root)]
        others = set(held.files) - set(images)
        lines += [f"not an image by its name: {os.path.relpath(f, root)}" for f in sorted(others)]
    return entries, lines


def _require_pictures(train, what):
    """Two that differ, at least."""
    if len(train) < 2:
        raise KerasVisionError(f"{what}: one picture to train on; what is learned by comparing needs two or more")
    if len({e.group for e in train}) == 1 and train[0].group is not None:
        raise KerasVisionError(f"{what}: all {len(train)} pictures are one file, copied; nothing can be told apart")


def _split(entries):
    records = tf.data.Dataset.from_tensor_slices({"path": [e.path for e in entries]})
    return Split(records, _read, len(entries))


def _read(record):
    return {"image_bytes": tf.io.read_file(record["path"]), "path": record["path"]}
