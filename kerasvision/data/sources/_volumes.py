"""Where volumes and their masks or classes lie: folders, or a CSV, as cases for `sources/volumes`."""

import collections
import dataclasses
import itertools
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import dicom, splits
from kerasvision.data.sources import _labels
from kerasvision.data.sources._files import named
from kerasvision.data.sources._table import first_row, placed, read_table, said_of_paths, same_file
from kerasvision.data.sources._walk import below, folders
from kerasvision.data.volumes import SUFFIXES, has_volume_name

_IMAGES = ("images", "image", "imgs", "img", "volumes", "imagestr")
_MASKS = ("masks", "mask", "labels", "labelstr")
_FIRST_CHANNEL = "_0000"  # what nnU-Net appends to a volume's name
_LOOKED_AT = 200  # entries of a folder, to see whether it holds volumes
_DEEP = 4  # folders: images/train/case_01/1.nii.gz
_PLACES = (
    "put volumes into images/ and masks of equal names into masks/, or volumes into a folder a class, or name a CSV "
    "with the columns file and mask, or file and label"
)
_FORM = "write a header file,mask or file,label and one row a volume"
_NAMES = "a mask has its volume's name, as in images/1.nii.gz and masks/1.nii.gz (or images/1_0000.nii.gz)"


@dataclasses.dataclass(frozen=True)
class Case:
    """A volume, with the path of its mask or the name of its class. name, mask_name: as the user knows the files.

    split, group: None when the user named none.
    """

    path: str
    name: str
    mask: str | None = None
    mask_name: str = ""
    label: str | None = None
    split: str | None = None
    group: str | None = None


@dataclasses.dataclass(frozen=True)
class Found:
    """cases: at least one. has_masks: else every case has a label. lines: as `Opened.dropped` has them.

    places: folders where classes.txt may lie.
    """

    cases: tuple[Case, ...]
    has_masks: bool
    lines: tuple[str, ...]
    places: tuple[pathlib.Path, ...]


def find(path, what, classes=()):
    """`Found` below a folder or in a CSV. classes: those declared."""
    place = pathlib.Path(path).expanduser()
    if place.is_dir():
        try:
            layout = _layout(place, what)
            return _paired(place, layout, what) if layout else _sorted_by_class(place, what)
        except OSError as error:
            raise KerasVisionError(f"{what}: {error.filename} cannot be read: {str(error.strerror).lower()}") from None
    if place.is_file() and place.suffix.lower() == ".csv":
        return _of_csv(place, what, classes)
    raise KerasVisionError(f"{what}: {'no folder and no .csv file' if place.exists() else 'no such folder or file'}")


def holds_volumes(root):
    """Whether a NIfTI or MGH file lies in a folder or a few folders below."""
    level = [root]
    for _ in range(_DEEP):
        held = [entry for folder in level for entry in itertools.islice(folder.iterdir(), _LOOKED_AT)]
        if any(has_volume_name(f.name) and f.is_file() for f in held):
            return True
        level = [f for f in held if f.is_dir()][:_LOOKED_AT]
    return False


def is_volume_csv(file):
    """Whether the first row of a CSV names a NIfTI or MGH file."""
    return has_volume_name(first_row(file).get("file", ""))


def _split_folders(folder, what):
    """{split: sub-folder} of the sub-folders that are named like splits."""
    held = {}
    for inner in folders(folder):
        split = splits.ALIASES.get(inner.name.lower())
        if split in held:
            twice = named((held[split].name, inner.name))
            raise KerasVisionError(f"{what}: {folder.name}: two folders for one split: {twice}; keep one")
        if split:
            held[split] = inner
    return held


def _two(root, what):
    """(folder of volumes, folder of masks) in a folder, or None."""
    images, masks = ([f for f in folders(root) if f.name.lower() in names] for names in (_IMAGES, _MASKS))
    for found in (images, masks):
        if len(found) > 1:
            raise KerasVisionError(f"{what}: {named(f.name for f in found)} for one thing; keep one, or name a CSV")
    return (images[0], masks[0]) if images and masks else None


def _layout(root, what):
    """{split or None: (folder of volumes, folder of masks)}; {} where there are none."""
    both = _two(root, what)
    if both is None:
        parts = {split: (f, _two(f, f"{what}: {f.name}")) for split, f in _split_folders(root, what).items()}
        lacking = [f.name for f, pair in parts.values() if pair is None]
        if 0 < len(lacking) < len(parts):
            raise KerasVisionError(f"{what}: no folders images and masks in {named(lacking)}; {_PLACES}")
        return {} if lacking else {split: pair for split, (_, pair) in parts.items()}
    if both[0].name == "imagesTr":  # nnU-Net's; the volumes of imagesTs mostly have no masks
        test = root / "imagesTs", root / "labelsTs"
        return {"train": both} | ({"test": test} if all(f.is_dir() for f in test) else {})
    images, masks = (_split_folders(f, what) for f in both)
    odd = sorted(images.keys() ^ masks.keys())
    if odd:
        raise KerasVisionError(f"{what}: {both[0].name} and {both[1].name} do not both have a folder for {named(odd)}")
    if not images:
        return {None: both}
    for folder in both:
        _refuse_loose(folder, f"{what}: {folder.name}", "beside folders of splits; put each into one")
    return {split: (images[split], masks[split]) for split in images}


def _refuse_loose(folder, what, why):
    """Volumes directly in a folder."""
    loose = [f.name for f in sorted(folder.iterdir()) if has_volume_name(f.name) and f.is_file()]
    if loose or dicom.holds_series(folder):
        raise KerasVisionError(f"{what}: {named(loose) if loose else 'a DICOM series'} {why}")


def _volumes(folder, root, what):
    """({path below the folder without its suffix: file, or folder of a DICOM series}, lines about what is left out)."""
    held, found = {}, below(folder)
    lines = found.lines(root)

    def add(path, key):
        if key in held:
            twice = f"{held[key].relative_to(root)} and {path.relative_to(root)}"
            raise KerasVisionError(f"{what}: {twice} have one name; keep one, a mask is found by its volume's name")
        held[key] = path

    series = {place: dicom.holds_series(place) for place in dict.fromkeys((folder, *(f.parent for f in found.files)))}
    for place in sorted(p for p, holds in series.items() if holds):
        add(place, place.relative_to(folder).as_posix())
    for file in (f for f in found.files if not series[f.parent] and f.name != "classes.txt"):
        name = file.relative_to(folder).as_posix()
        if has_volume_name(name):
            add(file, name[: -next(len(s) for s in SUFFIXES if name.lower().endswith(s))])
        else:
            lines.append(f"not a volume by its name: {file.relative_to(root)}")
    return dict(sorted(held.items(), key=lambda pair: pair[1])), lines


def _paired(root, layout, what):
    cases, lines = [], []
    for split, both in layout.items():
        (images, rest), (masks, more) = (_volumes(f, root, what) for f in both)
        lines += rest + more
        mask_of = {key: key if key in masks else key.removesuffix(_FIRST_CHANNEL) for key in images}
        alone = [str(f.relative_to(root)) for key, f in images.items() if mask_of[key] not in masks]
        extra = [str(f.relative_to(root)) for key, f in masks.items() if key not in mask_of.values()]
        if not images and not masks:
            raise KerasVisionError(f"{what}: no volumes in {both[0].relative_to(root)}; {_PLACES}")
        if alone or extra:
            seen = [f"{len(alone)} volumes without a mask: {named(alone)}"] if alone else []
            seen += [f"{len(extra)} masks without a volume: {named(extra)}"] if extra else []
            raise KerasVisionError(f"{what}: {'; '.join(seen)}; {_NAMES}; of several channels keep one")
        for key, image in images.items():
            names = (str(f.relative_to(root)) for f in (image, masks[mask_of[key]]))
            name, mask_name = names
            cases.append(Case(str(image), name, str(masks[mask_of[key]]), mask_name, split=split))
    places = (root, *dict.fromkeys(p for pair in layout.values() for f in pair for p in (f, f.parent)))
    return Found(tuple(cases), True, tuple(lines), places)


def _sorted_by_class(root, what):
    """A folder a class, in folders of splits or not."""
    parts = _split_folders(root, what)
    layout = parts if "train" in parts and len(parts) == len(folders(root)) else {None: root}
    cases, lines = [], []
    for split, base in layout.items():
        where = what if base == root else f"{what}: {base.name}"
        _refuse_loose(base, where, f"has no mask and no class; {_PLACES}")
        held = {folder.name: _volumes(folder, root, what) for folder in folders(base)}
        if not any(files for files, _ in held.values()):
            raise KerasVisionError(f"{where}: no volumes ({', '.join(SUFFIXES)}, DICOM) in its folders; {_PLACES}")
        for label, (files, rest) in held.items():
            cases += [Case(str(f), str(f.relative_to(root)), label=label, split=split) for f in files.values()]
            lines += rest
    return Found(tuple(cases), False, tuple(lines), (root,))


def _of_csv(file, what, classes):
    table = read_table(file, what, ("file", "mask", "label", "split", "group"), _FORM)
    has_masks = "mask" in table.columns
    if "file" not in table.columns or has_masks == ("label" in table.columns):
        held = f"it has {', '.join(table.columns)}"
        raise KerasVisionError(f"{what}: {held}; allowed: the columns file and mask, or file and label")
    read = [_case(file, line, row, "mask" if has_masks else "label", what) for line, row in table.rows]
    cases, changed = [case for case, _ in read], sum(found for _, found in read)
    said = (
        []
        if has_masks
        else _labels.check(
            [(line, [c.label]) for (line, _), c in zip(table.rows, cases, strict=True)], classes, False, what
        )
    )
    missing = [n for c in cases for f, n in ((c.path, c.name), (c.mask, c.mask_name)) if f and not _exists(f)]
    if missing:
        seen = f"{len(missing)} files do not exist: {named(missing)}"
        raise KerasVisionError(f"{what}: {seen}; paths are relative to the CSV")
    twice = [path for path, n in collections.Counter(same_file(c.path) for c in cases).items() if n > 1]
    if twice:
        raise KerasVisionError(f"{what}: {len(twice)} volumes stand in several rows: {named(twice)}; keep one row each")
    torn = collections.defaultdict(set)
    for case in cases:
        torn[case.group] |= {case.split} - {None}
    apart = [g for g, names in torn.items() if g is not None and len(names) > 1]
    if apart:
        raise KerasVisionError(f"{what}: groups in more than one split: {named(apart)}; keep each in one")
    follows = {g: next(iter(names), None) for g, names in torn.items() if g is not None}
    cases = [dataclasses.replace(c, split=c.split or follows.get(c.group)) for c in cases]
    lines = [*table.said, *said, *said_of_paths(changed)]
    return Found(tuple(cases), has_masks, tuple(lines), (file.parent,))


def _exists(path):
    return pathlib.Path(path).exists()


def _case(file, line, row, kind, what):
    """(case, whether one of its paths was written with \\). kind: "mask" or "label"."""
    held = {k: row.get(k, "") for k in ("file", kind, "split", "group")}
    for needed in ("file", kind):
        if not held[needed]:
            raise KerasVisionError(f"{what}: line {line}: no {needed}")
    split = held["split"].lower()
    if split and split not in splits.ALIASES:
        allowed = ", ".join(splits.NAMES)
        raise KerasVisionError(f"{what}: line {line}: split {held['split']!r}; allowed: {allowed} or empty")
    about = {"split": splits.ALIASES.get(split), "group": held["group"] or None}
    place, changed = placed(file.parent, held["file"])
    if kind == "label":
        return Case(place, held["file"], label=held["label"], **about), changed
    mask, other = placed(file.parent, held["mask"])
    return Case(place, held["file"], mask, held["mask"], **about), changed or other
