"""Where a YOLO set's images and labels lie: data.yaml, classes.txt, folders, lists."""

import dataclasses
import pathlib

import yaml

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES, UNSUPPORTED
from kerasvision.data.sources._files import named
from kerasvision.data.sources._pairs import holds_masks
from kerasvision.data.sources._volumes import holds_volumes
from kerasvision.data.sources._walk import below, folders
from kerasvision.data.text import check_class_names, read_class_names, read_lines, read_text


@dataclasses.dataclass(frozen=True)
class Layout:
    """root: the folder. images: {split or None: files}. kpt_shape: (keypoints, numbers of each), or None.

    said: findings, one line each.
    """

    root: pathlib.Path
    classes: tuple[str, ...]
    images: dict
    kpt_shape: tuple[int, int] | None = None
    said: tuple[str, ...] = ()


class _Loader(yaml.BaseLoader):
    """YAML whose values are the text that stands there: `yes`, `on`, `007`, `1.10` and `null` are class names.

    A key that stands there twice is an error, where others take the last one in silence.
    """

    def construct_mapping(self, node, deep=False):
        held = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [k for k in held if held.count(k) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(file, what):
    """What a YAML file holds, of dictionaries, lists and the very texts of its values."""
    try:
        return yaml.load(read_text(file, what), Loader=_Loader)  # a BaseLoader: it makes nothing but these
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise KerasVisionError(f"{what}: no YAML: {' '.join(str(error).split())}") from None


def holds_yolo(root):
    """Whether a folder has a data.yaml, or images with text files for labels."""
    if holds_volumes(root):  # labels/ and classes.txt are theirs too
        return False
    masks, labels = holds_masks(root), root / "labels"
    listed = masks is None and (root / "classes.txt").is_file()
    beside = (root / "images").is_dir() and (labels.is_dir() and labels != masks or listed)
    named = any((root / name).is_file() for name in ("data.yaml", "data.yml"))
    return named or beside or listed and len(list(root.glob("*.txt"))) > 1


def layout(path, what):
    """`Layout` of a data.yaml, or of a folder."""
    root = path if path.is_dir() else path.parent
    found = [f for f in (root / "data.yaml", root / "data.yml") if f.is_file()] if path.is_dir() else [path]
    if found and not found[0].is_file():
        raise KerasVisionError(f"{what}: no such file or folder")
    if found:
        return _of_yaml(found[0], f"{what}: {found[0].name}")
    places = [f for f in (root / "classes.txt", root / "labels" / "classes.txt") if f.is_file()]
    if not places:
        raise KerasVisionError(f"{what}: neither data.yaml nor classes.txt in it; one must name the classes")
    classes = read_class_names(places[0], f"{what}: {places[0].name}")
    inside = next((root / name for name in ("images", "Images") if (root / name).is_dir()), root)
    parts = {f: splits.ALIASES.get(f.name.lower()) for f in folders(inside)}
    images, said = {}, []
    if "train" in parts.values() and None not in parts.values():
        for folder, split in parts.items():
            images.setdefault(split, []).extend(_images(folder, root, said))
        return Layout(root, classes, images, said=tuple(said))
    return Layout(root, classes, {None: _images(inside, root, said)}, said=tuple(said))


def _images(folder, root, said):
    """Image files of a folder and of those below it, sorted. said: what was left out there, added to."""
    found = below(folder)
    said += found.lines(root)
    return [f for f in found.files if f.suffix.lower() in SUFFIXES + UNSUPPORTED]


def _of_yaml(file, what):
    held = read_yaml(file, what)
    if not isinstance(held, dict):
        raise KerasVisionError(f"{what}: no names; write names: [first, second, ...]")
    classes = _names(held, what)
    images, said = {}, []
    for key, split in splits.ALIASES.items():
        if held.get(key) not in (None, "", "null", "~"):
            given = held[key] if isinstance(held[key], list) else [held[key]]
            images.setdefault(split, [])
            for text in given:
                images[split] += _listed(text, held.get("path") or "", file.parent, f"{what}: {key}", said)
    if "train" not in images:
        raise KerasVisionError(f"{what}: no train; write train: and the folder of the training images")
    return Layout(file.parent, classes, images, _kpt_shape(held, what), tuple(dict.fromkeys(said)))


def _names(held, what):
    """The class names, checked; `nc` agrees with them, as Ultralytics asks."""
    names = held.get("names")
    if not names or not isinstance(names, (list, dict)):
        seen = "no names" if not names else f"names is the text {names!r}"
        raise KerasVisionError(f"{what}: {seen}; write names: [first, second, ...]")
    if isinstance(names, dict):
        numbers = {key.strip(): key for key in names if isinstance(key, str)}
        if set(numbers) != {str(i) for i in range(len(names))}:
            listed = named(sorted(numbers, key=lambda k: (len(k), k)))
            raise KerasVisionError(f"{what}: names are numbered {listed}; allowed: 0, 1, 2, ... without gaps")
        names = [names[numbers[str(i)]] for i in range(len(names))]
    names = check_class_names([n.strip() if isinstance(n, str) else n for n in names], what)
    count = held.get("nc")
    if count not in (None, "") and count != str(len(names)):
        raise KerasVisionError(f"{what}: nc is {count} and names has {len(names)}; make them agree, or remove nc")
    return names


def _kpt_shape(held, what):
    """(keypoints, numbers of each) that data.yaml states, or None."""
    given = held.get("kpt_shape")
    if given in (None, ""):
        return None
    try:
        count, size = map(int, given)
    except (TypeError, ValueError):
        count, size = 0, 0
    if count < 1 or size not in (2, 3):
        raise KerasVisionError(f"{what}: kpt_shape is {given}; allowed: [how many keypoints, 2 or 3]")
    return count, size


def _listed(text, base, root, what, said):
    """Image files that data.yaml names. said: findings, added to.

    Sought where it says, then beside data.yaml, never in the current folder. Roboflow writes ../train/images for
    train/images.
    """
    if not isinstance(text, str) or not isinstance(base, str):
        raise KerasVisionError(f"{what}: {text!r} in {base!r}; allowed: a folder, or a text file with one image a line")
    text, base = text.replace("\\", "/"), base.replace("\\", "/")
    tried = dict.fromkeys((root / base / text, root / text, root / text.removeprefix("../")))
    found = [place for place in tried if place.exists() or _matches(place)]
    if not found:
        raise KerasVisionError(f"{what}: {text!r} is not in {str(root / base)!r} nor beside data.yaml")
    if found[0] != next(iter(tried)):
        said.append(f"elsewhere: {text!r} of path {base!r} is not there; {str(found[0])!r} was read")
    elif any(not place.samefile(found[0]) for place in found[1:] if place.exists() and found[0].exists()):
        said.append(f"elsewhere: {text!r} fits several places; {str(found[0])!r} was read")
    return _files(found[0], root, what, said)


def _matches(place):
    """What a pattern with * finds."""
    fixed = next((i for i, part in enumerate(place.parts) if "*" in part), None)
    return [] if fixed is None else sorted(pathlib.Path(*place.parts[:fixed]).glob("/".join(place.parts[fixed:])))


def _files(place, root, what, said):
    if not place.exists():
        return [file for match in _matches(place) for file in _files(match, root, what, said)]
    if place.is_dir():
        return _images(place, root, said)
    if place.suffix.lower() in SUFFIXES + UNSUPPORTED:
        return [place]
    return [place.parent / line.replace("\\", "/") for _, line in read_lines(place, f"{what}: {place.name}")]
