"""YOLO's text files: a line an object, in parts of the image's sides. The format of Darknet (J. Redmon, 2013-2016,
https://pjreddie.com/darknet) with the data.yaml, polygons, keypoints and turned boxes of Ultralytics
(docs.ultralytics.com/datasets).
"""

import collections
import dataclasses
import math
import pathlib
import typing

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.sources._boxes import BoxSource, Picture
from kerasvision.data.sources._files import named
from kerasvision.data.sources._places import Places
from kerasvision.data.sources._sizes import sizes
from kerasvision.data.sources._things import thing_of
from kerasvision.data.sources._yolo_files import holds_yolo, layout
from kerasvision.data.sources._yolo_lines import Lines, meaning, parsed
from kerasvision.data.text import read_json, read_lines

BEYOND = "kerasvision.json"  # what `data/inspect/convert.py` writes beside data.yaml: what the lines cannot say


@sources.register("yolo")
@dataclasses.dataclass(frozen=True)
class Yolo(BoxSource):
    """Samples: `image_bytes`, `path`, `image_id` int64, `boxes_xyxy` float32 [N, 4], `labels` int32 [N], `is_crowd`
    bool [N] (false), `area_px` float32 [N]; `instance_masks` uint8 [N, H, W] with masks=True.

    path: a data.yaml (`path`, `train`, `val`, `test`, `names`, `nc`, `kpt_shape`) or a folder with one; or a folder
    with classes.txt and images, in it or in its folder images. What data.yaml names is sought where it says, then
    beside it, never in the current folder. Labels lie beside an image, or in `labels` where its path says `images`.
    A line is `class cx cy w h` or, from seven numbers on, `class x y x y x y ...`, a polygon whose hull is the box; all
    are parts of the image's width and height. Five numbers are a box also among polygons. With `kpt_shape` in
    data.yaml longer lines are boxes with keypoints, of which the boxes are read.

    lines: "auto" sees what the lines are, and refuses a set that could be two things (`_yolo_lines.py`); "boxes"
    (`class cx cy w h`), "corners" (`class x1 y1 x2 y2`), "polygons" or "keypoints" (a box, then anything) says it.

    An image without a label file has no objects, which is said; a split without any label file is an error. Splits that
    data.yaml does not name are cut out of training, as in `image_folder`, by validation_fraction, test_fraction (0: not
    at all) and seed. masks: of the polygons. max_objects: an image with more is an error; 0 allows any number. An
    architecture that pads to a number of its own says so too. skip_bad_boxes, skip_unreadable: leave out and report in
    place of refusing. See `_boxes.py` for every bad input.
    """

    states_size: typing.ClassVar[bool] = False
    suffixes: typing.ClassVar[tuple[str, ...]] = (".yaml", ".yml")
    opens: typing.ClassVar[str] = "YOLO's .yaml or a folder of its text"

    path: str
    masks: bool = False
    max_objects: int = 0
    skip_bad_boxes: bool = False
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False
    lines: Lines = "auto"

    @classmethod
    def detects(cls, path):
        return path.is_file() or holds_yolo(path)

    def read(self):
        what = f"yolo {self.path!r}"
        found = layout(pathlib.Path(self.path).expanduser(), what)
        beyond = _beyond(found.root / BEYOND, what)
        labels = _label_files(found.images, what)
        rows = {
            file: parsed(read_lines(file, f"{what}: {file.name}"), len(found.classes), f"{what}: {file.name}")
            for file in map(pathlib.Path, dict.fromkeys(filter(None, labels.values())))
        }
        names = {file.name if len(rows) == 1 else _key(file, found.root): held for file, held in rows.items()}
        read, said = meaning(names, self.lines, found.kpt_shape, bool(beyond), what)
        hw = sizes([str(f) for files in found.images.values() for f in files], self.orientation)
        pictures = []
        for split, files in found.images.items():
            for file in files:
                label = labels[file] and pathlib.Path(labels[file])
                known = beyond.get(_key(file, found.root), {})
                things = _things(rows.get(label, ()), label, read, hw[str(file)] or (1, 1), known, what)
                pictures.append(_picture(file, split, hw[str(file)], things, known, label is None))
        return found.classes, pictures, [*found.said, *said, *_left(labels)]


def _label_files(images, what):
    """{image: path of its label file or None}; a split without any is an error."""
    places, found = Places(), {}
    for split, files in images.items():
        if not files:
            raise KerasVisionError(f"{what}: no images{f' for {split}' if split else ''}")
        sought = {file: _sought(file) for file in files}
        held = {file: next(filter(None, map(places.find, paths)), None) for file, paths in sought.items()}
        if not any(held.values()):
            place = sought[files[0]][-1]
            raise KerasVisionError(f"{what}: no label file for any of {len(files)} images; sought {place} and so on")
        found |= held
    return found


def _sought(image):
    """Where an image's label file may lie: beside it, or below `labels` in place of the last `images` of its path."""
    beside = image.with_suffix(".txt")
    parts = image.parts
    last = max((i for i, part in enumerate(parts[:-1]) if part.lower() == "images"), default=None)
    if last is None:
        return [beside]
    spelled = {"Images": "Labels", "IMAGES": "LABELS"}.get(parts[last])
    below = [pathlib.Path(*parts[:last], name, *parts[last + 1 :]) for name in (spelled, "labels") if name]
    return [beside, *(path.with_suffix(".txt") for path in below)]


def _left(labels):
    """Findings: label files that no image has, and those that several have."""
    places, used = Places(), collections.Counter(filter(None, labels.values()))
    folders = dict.fromkeys(pathlib.PurePath(path).parent for path in used)
    beside = {image.parent for image in labels}  # where other text files may lie too
    names = [folder / name for folder in folders if folder not in beside for name in places.names(folder)]
    alone = [n.name for n in names if str(n) not in used and n.suffix.lower() == ".txt"]
    alone = [n for n in alone if n != "classes.txt" and not n.startswith(".")]
    several = [pathlib.PurePath(path).name for path, count in used.items() if count > 1]
    said = [f"unlisted: {len(alone)} label files without an image: {named(alone)}"] if alone else []
    return said + [f"shared: {name}" for name in several]


def _key(file, root):
    """A file's path below the folder, as it stands in `BEYOND`."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)


def _beyond(file, what):
    held = read_json(file, f"{what}: {file.name}") if file.is_file() else {}
    if not isinstance(held, dict) or not all(isinstance(v, dict) for v in held.values()):
        raise KerasVisionError(f"{what}: {file.name} is not what `kerasvision data convert` writes; remove it")
    return held


def _things(rows, label, read, image_hw, known, what):
    objects = known.get("objects") or [{}] * len(rows)
    if len(objects) != len(rows):
        raise KerasVisionError(
            f"{what}: {label and label.name} has {len(rows)} lines and {BEYOND} says {len(objects)}; remove it"
        )
    where = f"{what}: {label and label.name}, line"
    return tuple(
        _thing(row, read, image_hw, more, f"{where} {row.number}") for row, more in zip(rows, objects, strict=True)
    )


def _picture(file, split, image_hw, things, known, unlabeled):
    """image_hw: None for an unreadable image, which is refused or left out later."""
    return Picture(
        path=str(file),
        name=file.name,
        things=things,
        split=split,
        image_hw=image_hw,
        image_id=known.get("image_id"),
        illumination=known.get("illumination"),
        unlabeled=unlabeled,
    )


def _thing(line, read, image_hw, more, where):
    h, w = image_hw
    parts, held, kind, large = line.parts, {}, read.kind(line), read.too_large(line)
    if kind == "polygon":
        xs, ys = [x * w for x in parts[::2]], [y * h for y in parts[1::2]]
        finite = all(map(math.isfinite, parts))
        box = (min(xs), min(ys), max(xs), max(ys)) if finite else (math.nan,) * 4
        held = {"segmentation": [[v for point in zip(xs, ys, strict=True) for v in point]]}
    elif kind == "corners":
        box = (parts[0] * w, parts[1] * h, parts[2] * w, parts[3] * h)
    else:
        cx, cy, width, height = parts[:4]
        box = ((cx - width / 2) * w, (cy - height / 2) * h, (cx + width / 2) * w, (cy + height / 2) * h)
    odd = None if large is None else f"has {large:g}, and parts of a side are 0 to 1: pixels?"
    held |= {k: v for k, v in more.items() if k != "box_xyxy"}
    return thing_of(line.label, more.get("box_xyxy", box), held, where, odd)
