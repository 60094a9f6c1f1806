"""COCO's JSON: T.-Y. Lin et al., Microsoft COCO: Common Objects in Context, 2014, arXiv:1405.0312."""

import collections
import dataclasses
import math
import pathlib
import re
import typing

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources import _corners
from kerasvision.data.sources._boxes import BoxSource, Picture, problem
from kerasvision.data.sources._coco_file import categories as categories_of
from kerasvision.data.sources._coco_file import document as document_of
from kerasvision.data.sources._coco_file import is_coco
from kerasvision.data.sources._files import named
from kerasvision.data.sources._places import Places
from kerasvision.data.sources._things import is_number, stated_number, stated_side, thing_of
from kerasvision.data.sources._walk import named_like_splits

_WORDS = re.compile(r"[a-z]+")
_OTHER_TASKS = {"captions", "keypoints", "panoptic", "stuff", "info"}  # JSON files of COCO that hold no boxes


@sources.register("coco")
@dataclasses.dataclass(frozen=True)
class Coco(BoxSource):
    """Samples: `image_bytes`, `path`, `image_id` int64, `boxes_xyxy` float32 [N, 4], `labels` int32 [N], `is_crowd`
    bool [N], `area_px` float32 [N]; `instance_masks` uint8 [N, H, W] with masks=True; and `is_difficult`,
    `is_truncated`, `occlusion` [N] and `illumination` where the file states them of everything, in the keys that
    `data/inspect/convert.py` writes.

    path: a folder or one JSON file. train, validation, test: JSON files relative to the folder; "auto" looks for
    annotations/instances_train2017.json, annotations/train.json, train.json and train/_annotations.coco.json and their
    like, "" takes none. A single JSON file without a split is cut; so is a split without a file, out of training, as
    in `image_folder`: by validation_fraction, test_fraction (0: not at all) and seed. images: the folder that file
    names are relative to; empty looks beside the JSON file and below the folder (of a file in a folder annotations,
    the folder that holds this). Categories become labels 0, 1, ... in the order of their ids. masks: from polygons, RLE
    and uncompressed RLE. Crowds are kept and marked. max_objects: an image with more is an error; 0 allows any number.
    An architecture that pads to a number of its own says so too.
    skip_bad_boxes, skip_unreadable: leave out and report in place of refusing. See `_boxes.py` for every bad input.
    """

    suffixes: typing.ClassVar[tuple[str, ...]] = (".json",)
    opens: typing.ClassVar[str] = "COCO's .json or a folder with it"

    path: str
    train: str = "auto"
    validation: str = "auto"
    test: str = "auto"
    images: str = ""
    masks: bool = False
    max_objects: int = 0
    skip_bad_boxes: bool = False
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        if path.is_file():
            return is_coco(path)
        places = (path, path / "annotations", *named_like_splits(path))
        return any(is_coco(f) for place in places for f in sorted(place.glob("*.json")))

    def read(self):
        what = f"coco {self.path!r}"
        root, files = self._files(what)
        pictures, categories, places = [], None, Places()
        for split, file in files.items():
            where = f"{what}: {file.name}"
            document = document_of(file, where)
            held = categories_of(document, where)
            if categories not in (None, held):
                raise KerasVisionError(f"{where} has other categories than {next(iter(files.values())).name}")
            categories = held
            folder = self._folder(root, file, document, what)
            pictures += _pictures(document, held, _Place(folder, split, places), where)
        _check_corners(pictures, what)
        return tuple(categories.values()), pictures, _said(pictures, places)

    def _files(self, what):
        """(the folder, {split or None: JSON file})."""
        root = pathlib.Path(self.path).expanduser()
        if root.is_file():
            return root.parent.parent if root.parent.name == "annotations" else root.parent, {None: root}
        if not root.is_dir():
            raise KerasVisionError(f"{what}: no such file or folder")
        files = {}
        for split in splits.NAMES:
            given = getattr(self, split)
            found = _found(root, split) if given == "auto" else [root / given] if given else []
            if len(found) > 1:
                listed = named(str(f.relative_to(root)) for f in found)
                raise UsageError(f"{what}: {len(found)} files for {split}: {listed}; say which with {split}=FILE")
            if found and not found[0].is_file():
                raise UsageError(f"{what}: {split}={given!r}: no such file")
            files |= {split: found[0]} if found else {}
        if files:
            return root, files
        alone = [f for f in (*root.glob("*.json"), *root.glob("annotations/*.json")) if not _OTHER_TASKS & _words(f)]
        if len(alone) != 1:
            seen = f"{len(alone)} JSON files ({named(f.name for f in alone)})" if alone else "no JSON file"
            raise UsageError(f"{what}: {seen} and none for train; say which with train=FILE")
        return root, {None: alone[0]}

    def _folder(self, root, file, document, what):
        """The folder that file names are relative to: where the first images are."""
        if self.images:
            folder = root / self.images
            if not folder.is_dir():
                raise UsageError(f"{what}: images={self.images!r}: no such folder in {str(root)!r}")
            return folder
        stem = re.sub(r"^(instances_|annotations?_)", "", file.stem)
        bases = (file.parent, root, root / stem, root / "images", root / "images" / stem, root / stem / "images")
        some = [image["file_name"].replace("\\", "/") for image in document["images"][:20]]
        return max(bases, key=lambda base: sum((base / name).is_file() for name in some))  # the first of equals


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where the images of a file lie. places: listings of folders, shared by all files."""

    folder: pathlib.Path
    split: str | None
    places: Places


def _words(file):
    return set(_WORDS.findall(file.stem.lower()))


def _found(root, split):
    """JSON files of a split, by their names or that of their folder."""
    aliases = {alias for alias, name in splits.ALIASES.items() if name == split}
    below = [f for f in sorted((*root.glob("*.json"), *root.glob("annotations/*.json"))) if aliases & _words(f)]
    inside = [f for alias in sorted(aliases) for f in sorted((root / alias).glob("*.json"))]
    return [f for f in (*below, *inside) if not _OTHER_TASKS & _words(f)]


def _pictures(document, categories, place, what):
    images = document["images"]
    count = collections.Counter(image["id"] for image in images)
    twice = [i for i, n in count.items() if n > 1]
    if twice:
        raise KerasVisionError(f"{what}: {len(twice)} image ids stand there twice: {named(map(str, twice))}")
    things = collections.defaultdict(list)
    labels = {category: number for number, category in enumerate(categories)}
    names = {image["id"]: image["file_name"] for image in images}
    _check_ids(document["annotations"], "image_id", names, what, "no image has the id {}")
    _check_ids(document["annotations"], "category_id", labels, what, "category {} is none of the categories")
    for annotation in document["annotations"]:
        image_id = annotation["image_id"]
        where = f"{what}: annotation {annotation.get('id', '')} of {names[image_id]}"
        things[image_id].append(_thing(annotation, labels, where))
    return [_picture(image, place, tuple(things[image["id"]]), what) for image in images]


def _check_ids(annotations, key, known, what, seen):
    """Every annotation's id is one that is known. seen: what is said of one that is not, with a place for it."""
    lost = [a for a in annotations if a[key] not in known]
    if not lost:
        return
    value = lost[0][key]
    other = str(value) if isinstance(value, int) else int(value) if value.isdecimal() else None
    hint = "remove them, or list the images" if key == "image_id" else close_matches(value, known)
    hint = f"there is {other!r}: write both in one way" if other in known else hint
    count = f"{len(lost)} of {len(annotations)} annotations"
    raise KerasVisionError(f"{what}: annotation {lost[0].get('id', '')}: {seen.format(repr(value))} ({count}); {hint}")


def _thing(annotation, labels, where):
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(_is_float(v) for v in box):
        raise KerasVisionError(f"{where}: bbox is {box!r:.80}; allowed: [x, y, width, height] in pixels")
    x, y, w, h = box
    return thing_of(labels[annotation["category_id"]], (x, y, x + w, y + h), annotation, where)


def _is_float(value):
    """A finite number, or NaN and infinity, which are told as boxes that cannot be used."""
    return is_number(value) or isinstance(value, float)


def _picture(image, place, things, what):
    name = image["file_name"]
    where = f"{what}: {name}"
    path = place.folder / name
    return Picture(
        path=place.places.find(path) or str(path),
        name=name,
        things=things,
        split=place.split,
        image_hw=tuple(stated_side(image.get(side), f"{where}: {side}") for side in ("height", "width")),
        image_id=image["id"] if isinstance(image["id"], int) else None,
        illumination=stated_number(image.get("illumination"), f"{where}: illumination"),
    )


def _check_corners(pictures, what):
    """Boxes that would do as [x1, y1, x2, y2] and, as [x, y, width, height], often reach beyond their images."""
    if _corners.doubt(_pairs(pictures)) == "wrong":
        raise KerasVisionError(
            f"{what}: the {sum(len(p.things) for p in pictures)} boxes would do as [x1, y1, x2, y2], and as COCO's "
            "[x, y, width, height] many reach beyond their images; write bbox as [x1, y1, x2 - x1, y2 - y1]"
        )


def _pairs(pictures):
    """(bbox as written, the box it is taken for), in parts of the sides, of images whose size is stated."""
    for picture in (p for p in pictures if all(p.image_hw)):
        h, w = picture.image_hw
        for x1, y1, x2, y2 in (thing.box_xyxy for thing in picture.things):
            yield (x1 / w, y1 / h, (x2 - x1) / w, (y2 - y1) / h), (x1 / w, y1 / h, x2 / w, y2 / h)


def _said(pictures, places):
    """Findings: polygons that lie elsewhere than boxes, pictures that no file lists."""
    lines = []
    for picture in pictures:
        limits = [side or math.inf for side in picture.image_hw]
        sound = [(i, t) for i, t in enumerate(picture.things, 1) if not problem(t.box_xyxy, limits)]
        apart = [f"box {i}" for i, thing in sound if _corners.apart(thing)]
        lines += [f"hulls: {picture.name} ({named(apart)})"] if apart else []
    left = places.left([p.path for p in pictures])
    listed = named(pathlib.PurePath(path).name for path in left)
    return lines + ([f"unlisted: {len(left)} images beside those of the JSON: {listed}"] if left else [])
