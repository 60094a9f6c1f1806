"""Pascal VOC's XML files: their text, their places, and the image of each."""

import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources._files import named
from kerasvision.data.sources._walk import named_like_splits
from kerasvision.data.sources._xml import root_of
from kerasvision.data.text import read_head, read_lines

_HEAD = 65536  # bytes of a file that are looked at


def holds_annotations(root):
    """Whether the first XML file of a folder, of its Annotations or of its parts is one of VOC's, by its head."""
    places = (root / "Annotations", root, *named_like_splits(root))
    first = (min(place.glob("*.xml"), default=None) for place in places)
    return any("<annotation" in read_head(f, _HEAD) for f in first if f)


def tree(file, what):
    """The root element of an XML file, `annotation`."""
    root = root_of(file, what)
    if root.tag != "annotation":
        raise KerasVisionError(f"{what}: its root is <{root.tag}>; VOC's is <annotation>: move the file elsewhere")
    return root


def listed(root, what):
    """([(XML file, split or None)], findings)."""
    annotations = root / "Annotations"
    if annotations.is_dir():
        return _of_sets(annotations, root / "ImageSets" / "Main", what)
    folders = {f: splits.ALIASES[f.name.lower()] for f in sorted(root.iterdir()) if f.name.lower() in splits.ALIASES}
    inside = [(f, split) for folder, split in folders.items() for f in _xml(folder.rglob("*"))]
    return inside or [(f, None) for f in _xml(root.glob("*"))], []


def _xml(files):
    return [f for f in sorted(files) if f.suffix.lower() == ".xml" and not f.name.startswith(".")]


def _of_sets(annotations, sets, what):
    lists = {s: sets / f"{a}.txt" for a, s in splits.ALIASES.items() if (sets / f"{a}.txt").is_file()}
    if "train" not in lists and (sets / "trainval.txt").is_file():
        lists = {"train": sets / "trainval.txt"} | {k: v for k, v in lists.items() if k == "test"}
    held = {f.stem: f for f in _xml(annotations.glob("*"))}
    if not lists:
        return [(f, None) for f in held.values()], []
    names = [(split, _name(line, held)) for s, f in lists.items() for split, line in _lines(s, f, what)]
    missing = [f"{name}.xml" for _, name in names if name not in held]
    if missing:
        raise KerasVisionError(f"{what}: {len(missing)} files of ImageSets are not in Annotations: {named(missing)}")
    left = sorted(held.keys() - {name for _, name in names})
    some = named(f"{name}.xml" for name in left)
    said = [f"unlisted: {len(left)} of {len(held)} XML files that no list of ImageSets names: {some}"] if left else []
    return [(held[name], split) for split, name in names], said


def _lines(split, file, what):
    return [(split, line) for _, line in read_lines(file, f"{what}: {file.name}")]


def _name(line, held):
    """Of a line, which is a name, perhaps with blanks in it, or a name and whether a class is there."""
    return line if line in held else line.split()[0]


def image(root, file, said, places):
    """(path of the image of an XML file, or of where it should be; the name in `filename` that lost, or None).

    The image of the XML's own name wins, as in VOC's development kit, which does not look at `filename`: a renamed
    pair has an old one. Without an image of that name it is `filename`. said: its text, perhaps a Windows path.
    """
    folders = (root / "JPEGImages", file.parent, root / "images", root)
    plain = said.replace("\\", "/").rpartition("/")[2]
    own = [file.stem + suffix for suffix in SUFFIXES]
    own = [plain, *own] if pathlib.PurePath(plain).stem == file.stem else own
    found, other = (_first(folders, names, places) for names in (own, [name for name in (plain, said) if name]))
    if found:
        return found, plain if other and other != found else None
    first = folders[0] if folders[0].is_dir() else file.parent
    return other or str(first / (plain or f"{file.stem}.jpg")), None


def _first(folders, names, places):
    return next((path for name in names for f in folders if (path := places.find(f / name))), None)
