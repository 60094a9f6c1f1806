"""Where images and their masks lie: folders, or a CSV, as pairs of files for `sources/image_mask`."""

import collections
import dataclasses
import itertools
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES, UNSUPPORTED
from kerasvision.data.sources._files import named
from kerasvision.data.sources._table import columns_of, placed, read_table, said_of_paths, same_file
from kerasvision.data.sources._walk import below, folders, named_like_splits

IMAGES = ("images", "image", "imgs", "img")
MASKS = ("masks", "mask", "labels", "annotations")
_LOOKED_AT = 200  # files of a folder, to see whether it holds PNGs
_FORM = "write a header file,mask and one row an image"
_PLACES = "put images into images/ and masks of equal names into masks/, or name a CSV with the columns file and mask"


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image and its mask. name, mask_name: as the user knows them. mask: a path; or {class name: path of what it
    covers}. split, group: None when the user named none.
    """

    image: str
    name: str
    mask: str | dict
    mask_name: str
    split: str | None = None
    group: str | None = None


@dataclasses.dataclass(frozen=True)
class Paired:
    """pairs: at least one. lines: what was left out or read as a guess, as `Opened.dropped` has it. places:
    folders where classes.txt may lie.

    covers: names of the classes that have a file each, sorted; () where one file holds all classes.
    """

    pairs: tuple[Pair, ...]
    lines: tuple[str, ...]
    places: tuple[pathlib.Path, ...]
    covers: tuple[str, ...] = ()


def pairs_of(path, what):
    """`Paired` of a folder or of a CSV."""
    place = pathlib.Path(path).expanduser()
    if place.is_dir():
        return _of_folder(place, what)
    if place.is_file() and place.suffix.lower() == ".csv":
        pairs, said = _of_csv(place, what)
        return Paired(tuple(pairs), tuple(said), (place.parent,))
    raise KerasVisionError(f"{what}: {'no folder and no .csv file' if place.exists() else 'no such folder or file'}")


def holds_masks(root):
    """The folder of masks below a folder that has images and masks side by side, or None; its parts may have.

    A folder of masks holds PNGs; one that is called so and holds other pictures is one too, to be told of.
    """
    parts = named_like_splits(root)
    found = (_candidates(place, MASKS) for place in (root, *parts) if _candidates(place, IMAGES))
    return next((f for masks in found for f in masks if _has_masks(f)), None)


def is_mask_csv(file):
    """Whether a CSV has the columns file and mask, and no label."""
    columns = set(columns_of(file))
    return {"file", "mask"} <= columns and not {"label", "labels"} & columns


def _candidates(root, names):
    return [f for f in folders(root) if f.name.lower() in names]


def _has_masks(folder):
    wanted = SUFFIXES + UNSUPPORTED if folder.name.lower() in ("masks", "mask") else (".png",)
    return any(f.suffix.lower() in wanted for f in itertools.islice(folder.rglob("*"), _LOOKED_AT))


def _two(root, what):
    """(folder of images, folder of masks) in a folder, or None."""
    images, masks = _candidates(root, IMAGES), _candidates(root, MASKS)
    masks = [f for f in masks if _has_masks(f)] if len(masks) > 1 else masks
    for found in (images, masks):
        if len(found) > 1:
            raise KerasVisionError(f"{what}: {named(f.name for f in found)} for one thing; keep one, or name a CSV")
    return (images[0], masks[0]) if images and masks else None


def _split_folders(folder, what):
    """{split: sub-folder} of the sub-folders that are named like splits."""
    held = collections.defaultdict(list)
    for inner in folders(folder):
        held[splits.ALIASES.get(inner.name.lower())].append(inner)
    held.pop(None, None)
    twice = [f.name for found in held.values() for f in found if len(found) > 1]
    if twice:
        raise KerasVisionError(f"{what}: {folder.name}: two folders for one split: {named(twice)}; keep one")
    return {split: found[0] for split, found in held.items()}


def _layout(root, what):
    """{split or None: (folder of images, folder of masks)}."""
    both = _two(root, what)
    if both is None:
        parts = {split: (f, _two(f, f"{what}: {f.name}")) for split, f in _split_folders(root, what).items()}
        lacking = [f.name for f, pair in parts.values() if pair is None]
        if not parts or lacking:
            where = f" in {named(lacking)}" if parts else ""
            raise KerasVisionError(f"{what}: no folders images and masks{where}; {_PLACES}")
        return {split: pair for split, (_, pair) in parts.items()}
    images = _split_folders(both[0], what)
    if not images:
        return {None: both}
    masks = _split_folders(both[1], what)
    odd = sorted(images.keys() ^ masks.keys())
    if odd:
        raise KerasVisionError(f"{what}: {both[0].name} and {both[1].name} do not both have a folder for {named(odd)}")
    for folder, held in zip(both, (images, masks), strict=True):
        beside = [f.name for f in sorted(folder.iterdir()) if f not in held.values() and _is_picture_or_folder(f)]
        if beside:
            raise KerasVisionError(f"{what}: {folder.name}: {named(beside)} beside folders of splits; put it into one")
    return {split: (images[split], masks[split]) for split in images}


def _is_picture_or_folder(path):
    return path in folders(path.parent) if path.is_dir() else path.suffix.lower() in SUFFIXES + UNSUPPORTED


def _of_folder(root, what):
    pairs, lines, covers = [], [], set()
    layout = _layout(root, what)
    for split, both in layout.items():
        (images, rest), (masks, more) = (_pictures(f, root, what) for f in both)
        lines += rest + more
        is_cover = bool(masks) and all(k.count("/") == 1 for k in masks) and not any("/" in k for k in images)
        by_class = collections.defaultdict(dict)
        for key, file in masks.items():
            by_class[key.split("/")[1] if is_cover else key][key.split("/")[0] if is_cover else ""] = file
        covers |= {k.split("/")[0] if is_cover else "" for k in masks}
        _check_partners(images, by_class, both, root, what)
        pairs += [_pair(key, file, by_class[key], both[1], split, root) for key, file in images.items()]
    if "" in covers and len(covers) > 1:
        raise KerasVisionError(f"{what}: masks of one file in one split, and of a file a class in another; keep one")
    read = {f for both in layout.values() for held in both for f in (held, held.parent)}
    for other in (f for f in folders(root) if f not in read):
        count = sum(f.suffix.lower() in SUFFIXES + UNSUPPORTED for f in below(other).files)
        lines += [f"folders: {other.name} ({count} images)"] if count else []
    places = (root, *dict.fromkeys(p for _, f in layout.values() for p in (f, f.parent)))
    return Paired(tuple(pairs), tuple(lines), places, tuple(sorted(covers - {""})))


def _pair(key, image, held, folder, split, root):
    """held: class name or "" -> file."""
    name = str((folder / key).relative_to(root)) if "" not in held else str(held[""].relative_to(root))
    mask = str(held[""]) if "" in held else {c: str(f) for c, f in held.items()}
    return Pair(str(image), str(image.relative_to(root)), mask, name, split)


def _pictures(folder, root, what):
    """({path below the folder without its suffix: file}, lines about what was left out), sorted."""
    held, found = {}, below(folder)
    lines = found.lines(root)
    for file in found.files:
        if file.name == "classes.txt":
            continue
        if file.suffix.lower() not in SUFFIXES + UNSUPPORTED:
            lines.append(f"not an image by its name: {file.relative_to(root)}")
            continue
        key = file.relative_to(folder).with_suffix("").as_posix()
        if key in held:
            twice = f"{held[key].relative_to(root)} and {file.relative_to(root)}"
            raise KerasVisionError(f"{what}: {twice} have one name; keep one, a mask is found by its image's name")
        held[key] = file
    return held, lines


def _check_partners(images, masks, both, root, what):
    """Every image has a mask and the reverse."""
    if not images and not masks:
        raise KerasVisionError(f"{what}: no images in {both[0].relative_to(root)}; {_PLACES}")
    alone = [str(f.relative_to(root)) for key, f in images.items() if key not in masks]
    extra = [str(f.relative_to(root)) for key, held in masks.items() if key not in images for f in held.values()]
    if alone or extra:
        seen = [f"{len(alone)} images without a mask: {named(alone)}"] if alone else []
        seen += [f"{len(extra)} masks without an image: {named(extra)}"] if extra else []
        raise KerasVisionError(f"{what}: {'; '.join(seen)}; a mask has its image's name, as in a/1.jpg and b/1.png")


def _of_csv(file, what):
    """(pairs, lines about how rows were read)."""
    table = read_table(file, what, ("file", "mask", "split", "group"), _FORM)
    if not {"file", "mask"} <= set(table.columns):
        raise KerasVisionError(f"{what}: no rows with file and mask; {_FORM}")
    torn = collections.defaultdict(set)
    pairs, changed = [], 0
    for line, row in table.rows:
        held = {k: row.get(k, "") for k in ("file", "mask", "split", "group")}
        split = held["split"].lower()
        if not held["file"] or not held["mask"]:
            raise KerasVisionError(f"{what}: line {line}: no {'mask' if held['file'] else 'file'}")
        if split and split not in splits.ALIASES:
            allowed = ", ".join(splits.NAMES)
            raise KerasVisionError(f"{what}: line {line}: split {held['split']!r}; allowed: {allowed} or empty")
        split, group = splits.ALIASES.get(split), held["group"] or None
        torn[group] |= {split} - {None}
        (image, one), (mask, other) = (placed(file.parent, held[k]) for k in ("file", "mask"))
        changed += one or other
        pairs.append(Pair(image, held["file"], mask, held["mask"], split, group))
    apart = [g for g, names in torn.items() if g is not None and len(names) > 1]
    if apart:
        raise KerasVisionError(f"{what}: groups in more than one split: {named(apart)}; keep each in one")
    _check_files(pairs, what)
    follows = {g: next(iter(names), None) for g, names in torn.items() if g is not None}
    pairs = [dataclasses.replace(p, split=p.split or follows.get(p.group)) for p in pairs]
    return pairs, [*table.said, *said_of_paths(changed)]


def _check_files(pairs, what):
    files = [(f, n) for p in pairs for f, n in ((p.image, p.name), (p.mask, p.mask_name))]
    missing = [name for path, name in files if not pathlib.Path(path).is_file()]
    if missing:
        seen = f"{len(missing)} of {len(files)} files do not exist: {named(missing)}"
        raise KerasVisionError(f"{what}: {seen}; paths are relative to the CSV")
    twice = [path for path, n in collections.Counter(same_file(p.image) for p in pairs).items() if n > 1]
    if twice:
        raise KerasVisionError(f"{what}: {len(twice)} images stand in several rows: {named(twice)}; keep one row each")
