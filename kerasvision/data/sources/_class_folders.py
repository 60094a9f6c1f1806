"""Whether the folders in a folder are classes, or splits with a folder a class in each.

A folder named like a split that holds class folders is a split: its neighbors are then no classes, whatever they are
called. One that holds images itself is a class by that name (a toy shop's train beside its plane), which is said; but
two of them, such as train and test, are never classes.

| in the folder | read as |
|---|---|
| folders that are not named like splits | classes |
| train, perhaps val (valid, validation, dev, eval) and test, all with class folders | splits |
| these, and others without class folders (pred, annotations, empty ones) | splits; others are left out and counted |
| these, and another with two class folders, or one of train's classes, in it | refused: it may be meant as a split |
| two or more named like splits that hold images themselves | refused: images without a class |
| one of them alone, beside others | classes, which is said |
| names that only begin like a split's (training_set, val_images, test2017), with class folders in them | splits, said |
"""

import dataclasses
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES, UNSUPPORTED
from kerasvision.data.sources._files import named
from kerasvision.data.sources._walk import below, beside, folders


@dataclasses.dataclass(frozen=True)
class Layout:
    """splits: split -> the folder that holds its classes; {None: root} when the folders are classes.

    lines: what was read as a guess and what was left out, as `Opened.dropped` has it.
    """

    splits: dict[str | None, pathlib.Path]
    lines: tuple[str, ...] = ()


def layout_of(root, what):
    """`Layout` of a folder; anything that could be meant in two ways is a `KerasVisionError`."""
    inside = folders(root)
    if not inside:
        refuse_flat(root, what)
    meant = [(f, _split(f)) for f in inside]
    held = {f: split for f, split in meant if split and _class_folders(f)}
    flat = {f: split for f, split in meant if split and f not in held and f.name.lower() in splits.ALIASES}
    if len({*flat.values(), *held.values()}) > 1 or held and flat:
        for folder in flat:
            refuse_flat(folder, f"{what}: {folder.name}")
    if "train" not in held.values():
        if held:
            raise KerasVisionError(f"{what}: {named(f.name for f in held)} but no train folder beside it")
        return Layout({None: root})
    by_split = {split: folder for folder, split in held.items()}
    if len(by_split) < len(held):
        raise KerasVisionError(f"{what}: two folders for one split: {named(f.name for f in held)}; keep one")
    others = [f for f in inside if f not in held]
    classes = {f.name.casefold() for f in _class_folders(by_split["train"])}
    for folder in others:
        inner = [f.name for f in _class_folders(folder)]
        if len(inner) > 1 or classes & {name.casefold() for name in inner}:
            raise KerasVisionError(
                f"{what}: {folder.name} holds class folders ({named(inner)}), stands beside "
                f"{named(f.name for f in held)} and is named like no split; rename it val or test, or move it elsewhere"
            )
    guessed = [f for f in held if f.name.lower() not in splits.ALIASES or f.name.lower() in splits.GUESSED]
    said = [f"splits: {f.name!r} is read as {held[f]}" for f in guessed]
    return Layout(by_split, (*said, *(f"folders: {f.name} ({_count(f)} images)" for f in others)))


def refuse_flat(folder, what):
    """A folder without class folders."""
    inside = below(folder).files
    if _images(inside):
        documents = [f.name for f in inside if f.suffix.lower() == ".json"]
        others = f"; {named(documents)}: not read, COCO's JSON has images, annotations and categories"
        raise KerasVisionError(
            f"{what}: images without a class; put them into one folder a class, as in cats/1.jpg"
            f"{others if documents else ''}"
        )
    raise KerasVisionError(f"{what}: no images; put them into one folder a class, as in cats/1.jpg")


def _split(folder):
    return splits.ALIASES.get(folder.name.lower()) or splits.spelled(folder.name)


def _class_folders(folder):
    """The folders in a folder that hold images, where the folder itself holds none."""
    if _images(beside(folder).files):
        return []
    return [f for f in folders(folder) if _images(below(f).files)]


def _images(files):
    return [f for f in files if f.suffix.lower() in SUFFIXES + UNSUPPORTED]


def _count(folder):
    return len(_images(below(folder).files))
