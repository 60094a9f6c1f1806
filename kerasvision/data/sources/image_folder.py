"""A folder of images: one folder a class, or train, validation and test with one folder a class in each."""

import dataclasses
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES, UNSUPPORTED
from kerasvision.data.sources._files import Entry, Plan, named, open_entries
from kerasvision.data.sources.base import Pictures


@sources.register("image_folder")
@dataclasses.dataclass(frozen=True)
class ImageFolder(Pictures):
    """Samples: `image_bytes`, `label` int32, `path`. The classes are the folders' names, sorted.

    path: the folder. Below it lies a folder a class (images may lie deeper), or folders train, val (valid, validation)
    and test with a folder a class each. A split that has no folder is cut out of training, stratified by class:
    validation_fraction and test_fraction of it, drawn with `seed`; 0 cuts none. Files of equal bytes stay in one split;
    where the folders themselves put a copy into two, the copy in the judging split counts and the other is dropped.
    skip_unreadable: leave out files that cannot be decoded, and report them, in place of refusing.
    """

    path: str
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    def open(self):
        what = f"image_folder {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        root = pathlib.Path(self.path).expanduser()
        if not root.is_dir():
            raise KerasVisionError(f"{what}: {'not a folder' if root.exists() else 'no such folder'}")
        layout = _layout(root, what)
        scanned = {split: {f.name: _files(f) for f in _folders(base)} for split, base in layout.items()}
        classes = _classes(scanned, layout, what)
        entries, ignored = [], []
        for split, by_class in scanned.items():
            for label, name in enumerate(classes):
                found, other = by_class[name]
                entries += [Entry(str(p), str(p.relative_to(root)), (label,), split) for p in found]
                ignored += [str(p.relative_to(root)) for p in other]
        opened = open_entries(entries, classes, Plan(what, fractions, self.seed, self.skip_unreadable))
        if ignored:
            line = f"not an image by its name: {named(ignored)}"
            opened = dataclasses.replace(opened, dropped=(*opened.dropped, line))
        return self.as_labeled(opened)


def _folders(path):
    """Sub-folders, sorted, without those that a file manager or an archive has left."""
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))


def _files(path):
    """(images, other files) below a folder, sorted; missing: none. TIFF and the like count as images, to be told of."""
    images, other = [], []
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.name.startswith(".") and file.name != "Thumbs.db":
            (images if file.suffix.lower() in SUFFIXES + UNSUPPORTED else other).append(file)
    return images, other


def _layout(root, what):
    """Split -> the folder that holds its classes; {None: root} when the folders are classes."""
    folders = _folders(root)
    held = {splits.ALIASES.get(f.name.lower()): f for f in folders}
    if not folders:
        _refuse_flat(root, what)
    if "train" not in held or None in held:
        if held and set(held) <= {"validation", "test"}:
            raise KerasVisionError(f"{what}: {named(f.name for f in folders)} but no train folder beside it")
        return {None: root}
    if len(held) < len(folders):
        raise KerasVisionError(f"{what}: two folders for one split: {named(f.name for f in folders)}; keep one")
    for folder in held.values():
        if not _folders(folder):
            _refuse_flat(folder, f"{what}: {folder.name}")
    return held


def _refuse_flat(folder, what):
    if _files(folder)[0]:
        raise KerasVisionError(f"{what}: images without a class; put them into one folder a class, as in cats/1.jpg")
    raise KerasVisionError(f"{what}: no images; put them into one folder a class, as in cats/1.jpg")


def _classes(scanned, layout, what):
    """Sorted class names, equal in all splits, each with a file. scanned: split -> class -> (images, other files)."""
    named_by = {split: [name for name, (images, _) in held.items() if images] for split, held in scanned.items()}
    first = next(s for s in named_by if s in (None, "train"))
    classes = named_by[first]
    if not classes:
        raise KerasVisionError(f"{what}: no images ({', '.join(SUFFIXES)}) below its folders")
    for split, names in named_by.items():
        extra, absent = sorted(set(names) - set(classes)), sorted(set(classes) - set(names))
        if extra:
            raise KerasVisionError(f"{what}: {layout[split].name} holds classes that train has not: {named(extra)}")
        if absent:
            raise KerasVisionError(f"{what}: {layout[split].name} has no images of {named(absent)}, which train has")
    empty = [name for held in scanned.values() for name, (images, _) in held.items() if not images]
    if empty:
        raise KerasVisionError(f"{what}: class folders without images: {named(empty)}; fill or remove them")
    if len(classes) == 1:
        only = layout[first] / classes[0]
        deeper = [f for f in _folders(only) if _files(f)[0]]
        hint = f"; its folders look like classes: name {str(only)!r} instead" if len(deeper) > 1 else ""
        raise KerasVisionError(f"{what}: one class only, {classes[0]!r}; a classifier needs two or more{hint}")
    return classes
