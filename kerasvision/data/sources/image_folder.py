"""A folder of images: one folder a class, or train, validation and test with one folder a class in each."""

import dataclasses
import pathlib
import typing

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES, UNSUPPORTED
from kerasvision.data.sources._class_folders import layout_of, refuse_flat
from kerasvision.data.sources._files import Entry, Plan, named, open_entries
from kerasvision.data.sources._walk import below, beside, folders
from kerasvision.data.sources.base import Pictures


@sources.register("image_folder")
@dataclasses.dataclass(frozen=True)
class ImageFolder(Pictures):
    """Samples: `image_bytes`, `label` int32, `path`. The classes are the folders' names, sorted.

    path: the folder. Below it lies a folder a class (images may lie deeper), or folders train, val (valid, validation,
    dev, eval) and test with a folder a class each; `_class_folders.py` says how one is told from the other. A split
    that has no folder is cut out of training, stratified by class: validation_fraction and test_fraction of it, drawn
    with `seed`; 0 cuts none. Files of equal bytes stay in one split; where the folders themselves put a copy into two,
    the copy in the judging split counts and the other is dropped. Linked folders are followed, hidden ones left out
    (`_walk.py`), as are images beside the class folders; all that is left out is counted.
    skip_unreadable: leave out files that cannot be decoded, and report them, in place of refusing. split_by: "class"
    shares out whole classes, so that an embedder is judged by classes that it has not seen; folders train and
    test of the same classes are then refused.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("label",)
    opens: typing.ClassVar[str] = "a folder with a folder of images a class"
    is_general: typing.ClassVar[bool] = True

    path: str
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False
    split_by: typing.Literal["picture", "class"] = "picture"

    @classmethod
    def detects(cls, path):
        return path.is_dir()

    def open(self):
        what = f"image_folder {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        root = pathlib.Path(self.path).expanduser()
        if not root.is_dir():
            raise KerasVisionError(f"{what}: {'not a folder' if root.exists() else 'no such folder'}")
        layout = layout_of(root, what)
        lines = [*layout.lines, *_beside(root, layout)]
        scanned = {s: {f.name: below(f) for f in folders(base)} for s, base in layout.splits.items()}
        images = {s: {name: _images(held.files) for name, held in by.items()} for s, by in scanned.items()}
        classes = _classes(images, layout.splits, what)
        entries, deep = [], []
        for split, by_class in images.items():
            for label, name in enumerate(classes):
                found = by_class[name]
                entries += [Entry(str(p), str(p.relative_to(root)), (label,), split) for p in found]
                deep += [p for p in found if p.parent.parent != layout.splits[split]]
                held = scanned[split][name]
                lines += [*held.lines(root), *_others(held.files, root)]
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, split_by=self.split_by)
        opened = open_entries(entries, classes, plan)
        if deep:
            inner = named(dict.fromkeys(str(p.parent.relative_to(root)) for p in deep))
            lines.append(f"deep: {len(deep)} in {inner}")
        return self.as_labeled(dataclasses.replace(opened, dropped=(*opened.dropped, *lines)))


def _images(files):
    """TIFF and the like count as images, to be told of."""
    return [f for f in files if f.suffix.lower() in SUFFIXES + UNSUPPORTED]


def _others(files, root):
    images = set(_images(files))
    return [f"not an image by its name: {f.relative_to(root)}" for f in files if f not in images]


def _beside(root, layout):
    """Lines about what lies beside the folders that count."""
    lines = []
    for place in dict.fromkeys((root, *layout.splits.values())):
        held = beside(place)
        lines += [f"loose: {f.relative_to(root)}" for f in _images(held.files)]
        lines += [*held.lines(root), *_others(held.files, root)]
    return lines


def _classes(images, layout, what):
    """Sorted class names, equal in all splits, each with a file. images: split -> class -> files."""
    named_by = {split: [name for name, files in held.items() if files] for split, held in images.items()}
    first = next(s for s in named_by if s in (None, "train"))
    classes = named_by[first]
    if not classes:
        refuse_flat(layout[first], what)
    for split, names in named_by.items():
        extra, absent = sorted(set(names) - set(classes)), sorted(set(classes) - set(names))
        if extra:
            case = {c.casefold() for c in classes} >= {c.casefold() for c in extra}
            hint = f"; train spells them otherwise ({named(classes)}): rename one of the two" if case else ""
            raise KerasVisionError(
                f"{what}: {layout[split].name} holds classes that train has not: {named(extra)}{hint}"
            )
        if absent:
            raise KerasVisionError(f"{what}: {layout[split].name} has no images of {named(absent)}, which train has")
    empty = [name for held in images.values() for name, files in held.items() if not files]
    if empty:
        raise KerasVisionError(f"{what}: class folders without images: {named(empty)}; fill or remove them")
    if len(classes) == 1:
        only = layout[first] / classes[0]
        deeper = [f for f in folders(only) if _images(below(f).files)]
        hint = f"; its folders look like classes: name {str(only)!r} instead" if len(deeper) > 1 else ""
        raise KerasVisionError(f"{what}: one class only, {classes[0]!r}; a classifier needs two or more{hint}")
    return classes
