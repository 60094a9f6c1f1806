"""YOLO's text files: a line an object, in parts of the image's sides. The format of Darknet (J. Redmon, 2013-2016,
https://pjreddie.com/darknet) with the data.yaml and the polygons of Ultralytics (docs.ultralytics.com/datasets).
"""

import dataclasses
import json
import math
import pathlib

import yaml

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES, UNSUPPORTED
from kerasvision.data.sources._boxes import BoxSource, Picture, thing_of
from kerasvision.data.sources._files import named
from kerasvision.data.sources._sizes import sizes

BEYOND = "kerasvision.json"  # what `data/convert.py` writes beside data.yaml: what the lines cannot say


@sources.register("yolo")
@dataclasses.dataclass(frozen=True)
class Yolo(BoxSource):
    """Samples: `image_bytes`, `path`, `image_id` int64, `boxes_xyxy` float32 [N, 4], `labels` int32 [N], `is_crowd`
    bool [N] (false), `area_px` float32 [N]; `instance_masks` uint8 [N, H, W] with masks=True.

    path: a data.yaml (`path`, `train`, `val`, `test`, `names`) or a folder with one; or a folder with classes.txt and
    images, in it or in its folder images. Labels lie beside an image, or in `labels` where its path says `images`.
    A line is `class cx cy w h` or, from seven numbers on, `class x y x y x y ...`, a polygon whose hull is the box; all
    are parts of the image's width and height. Five numbers are a box also among polygons. An image without a
    label file has no objects, which is said; a split without any label file is an error. Splits that data.yaml does
    not name are cut out of training, as in `image_folder`, by validation_fraction, test_fraction (0: not at all) and
    seed. masks: of the polygons. max_objects: an image with more is an error; 0 allows any number. An architecture that
    pads to a number of its own says so too. skip_bad_boxes, skip_unreadable: leave out and report in place of
    refusing. See `_boxes.py` for every bad input.
    """

    path: str
    masks: bool = False
    max_objects: int = 0
    skip_bad_boxes: bool = False
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    def read(self):
        what = f"yolo {self.path!r}"
        root, classes, images = _layout(pathlib.Path(self.path).expanduser(), what)
        beyond = _beyond(root / BEYOND, what)
        hw = sizes([str(f) for files in images.values() for f in files], self.orientation)
        pictures = []
        for split, files in images.items():
            if not files:
                raise KerasVisionError(f"{what}: no images{f' for {split}' if split else ''}")
            if not any(_label_file(f).is_file() for f in files):
                place = _label_file(files[0])
                raise KerasVisionError(
                    f"{what}: no label file for any of {len(files)} images; sought {place} and so on"
                )
            for file in files:
                known = beyond.get(_key(file, root), {})
                pictures.append(_picture(file, split, hw[str(file)], len(classes), known, what))
        return classes, pictures


def _layout(path, what):
    """(folder, class names, {split or None: image files})."""
    root = path if path.is_dir() else path.parent
    found = [f for f in (root / "data.yaml", root / "data.yml") if f.is_file()] if path.is_dir() else [path]
    if found and not found[0].is_file():
        raise KerasVisionError(f"{what}: no such file or folder")
    if found:
        return _yaml_layout(found[0], f"{what}: {found[0].name}")
    names = next((f for f in (root / "classes.txt", root / "labels" / "classes.txt") if f.is_file()), None)
    if names is None:
        raise KerasVisionError(f"{what}: neither data.yaml nor classes.txt in it; one must name the classes")
    classes = tuple(line.strip() for line in names.read_text(encoding="utf-8").splitlines() if line.strip())
    inside = root / "images" if (root / "images").is_dir() else root
    folders = {f: splits.ALIASES.get(f.name.lower()) for f in sorted(inside.iterdir()) if f.is_dir()}
    if "train" in folders.values() and None not in folders.values():
        return root, classes, {split: _images(f) for f, split in folders.items()}
    return root, classes, {None: _images(inside)}


def _yaml_layout(file, what):
    try:
        held = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise KerasVisionError(f"{what}: no YAML: {' '.join(str(error).split())}") from None
    names = held.get("names") if isinstance(held, dict) else None
    if not names or not isinstance(names, (list, dict)):
        raise KerasVisionError(f"{what}: no names; write names: [first, second, ...]")
    if isinstance(names, dict):
        if sorted(names) != list(range(len(names))):
            raise KerasVisionError(
                f"{what}: names are numbered {named(map(str, sorted(names)))}; allowed: 0, 1, 2, ..."
            )
        names = [names[i] for i in range(len(names))]
    images = {}
    for key, split in splits.ALIASES.items():
        if held.get(key):
            given = held[key] if isinstance(held[key], list) else [held[key]]
            images.setdefault(split, [])
            images[split] += [f for text in given for f in _listed(text, held.get("path") or "", file.parent, what)]
    if "train" not in images:
        raise KerasVisionError(f"{what}: no train; write train: and the folder of the training images")
    return file.parent, tuple(map(str, names)), images


def _listed(text, base, root, what):
    """Image files of a folder, or of a text file with one a line. Roboflow writes ../train/images for train/images."""
    text = str(text)
    tried = [pathlib.Path(base) / text, root / base / text, root / text, root / text.removeprefix("../")]
    place = next((p for p in tried if p.exists()), None)
    if place is None:
        raise KerasVisionError(f"{what}: {text!r} is not in {str(root / base)!r}")
    if place.is_dir():
        return _images(place)
    lines = [line.strip() for line in place.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [place.parent / line for line in lines]


def _images(folder):
    return [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in SUFFIXES + UNSUPPORTED and f.is_file()]


def _label_file(image):
    """Beside the image, or below `labels` in place of the last `images` of its path."""
    parts = list(image.parts)
    beside = image.with_suffix(".txt")
    if "images" not in parts[:-1] or beside.is_file():
        return beside
    last = len(parts) - 2 - parts[-2::-1].index("images")
    return pathlib.Path(*parts[:last], "labels", *parts[last + 1 :]).with_suffix(".txt")


def _key(image, root):
    """An image in `BEYOND`: its path below the folder."""
    return image.relative_to(root).as_posix() if image.is_relative_to(root) else str(image)


def _beyond(file, what):
    if not file.is_file():
        return {}
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise KerasVisionError(f"{what}: {file.name}: no JSON: {error}") from None


def _picture(file, split, image_hw, count, known, what):
    """image_hw: None for an unreadable image, which is refused or left out later."""
    labels = _label_file(file)
    rows = []
    if labels.is_file():
        lines = labels.read_text(encoding="utf-8").splitlines()
        held = [(i, line.split()) for i, line in enumerate(lines, 1) if line.strip()]
        rows = [_numbers(words, count, f"{what}: {labels.name}, line {i}") for i, words in held]
    objects = known.get("objects") or [{}] * len(rows)
    if len(objects) != len(rows):
        raise KerasVisionError(
            f"{what}: {labels.name} has {len(rows)} lines and {BEYOND} says {len(objects)}; remove it"
        )
    return Picture(
        path=str(file),
        name=file.name,
        things=tuple(_thing(*row, image_hw or (1, 1), more) for row, more in zip(rows, objects, strict=True)),
        split=split,
        image_hw=image_hw,
        image_id=known.get("image_id"),
        illumination=known.get("illumination"),
        unlabeled=not labels.is_file(),
    )


def _numbers(words, count, where):
    """(label, parts of the sides)."""
    try:
        number, *parts = (float(word) for word in words)
    except ValueError:
        raise KerasVisionError(f"{where}: {' '.join(words)[:60]!r} is not all numbers") from None
    if len(parts) < 4 or len(parts) == 5 or len(parts) % 2:
        hint = "; is the last a confidence? remove it" if len(parts) == 5 else ""
        raise KerasVisionError(
            f"{where}: {len(words)} numbers; allowed: class cx cy w h, or class and x y of three points or more{hint}"
        )
    if not (number.is_integer() and 0 <= number < count):
        raise KerasVisionError(f"{where}: class {words[0]}; allowed: 0 to {count - 1}, the classes that are named")
    return int(number), parts


def _thing(label, parts, image_hw, more):
    h, w = image_hw
    if len(parts) == 4:
        cx, cy, width, height = parts
        box = ((cx - width / 2) * w, (cy - height / 2) * h, (cx + width / 2) * w, (cy + height / 2) * h)
        held = {}
    else:
        xs, ys = [x * w for x in parts[::2]], [y * h for y in parts[1::2]]
        finite = all(map(math.isfinite, parts))
        box = (min(xs), min(ys), max(xs), max(ys)) if finite else (math.nan,) * 4
        held = {"segmentation": [[v for point in zip(xs, ys, strict=True) for v in point]]}
    return thing_of(label, more.get("box_xyxy", box), held | {k: v for k, v in more.items() if k != "box_xyxy"})
