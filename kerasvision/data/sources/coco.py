"""COCO's JSON: T.-Y. Lin et al., Microsoft COCO: Common Objects in Context, 2014, arXiv:1405.0312."""

import collections
import dataclasses
import json
import pathlib
import re

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources._boxes import BoxSource, Picture, thing_of
from kerasvision.data.sources._files import named

_WORDS = re.compile(r"[a-z]+")
_OTHER_TASKS = {"captions", "keypoints", "panoptic", "stuff", "info"}  # JSON files of COCO that hold no boxes


@sources.register("coco")
@dataclasses.dataclass(frozen=True)
class Coco(BoxSource):
    """Samples: `image_bytes`, `path`, `image_id` int64, `boxes_xyxy` float32 [N, 4], `labels` int32 [N], `is_crowd`
    bool [N], `area_px` float32 [N]; `instance_masks` uint8 [N, H, W] with masks=True; and `is_difficult`,
    `is_truncated`, `occlusion` [N] and `illumination` where the file states them of everything, in the keys that
    `data/convert.py` writes.

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

    def read(self):
        what = f"coco {self.path!r}"
        root, files = self._files(what)
        pictures, categories = [], None
        for split, file in files.items():
            document = _document(file, f"{what}: {file.name}")
            held = _categories(document, f"{what}: {file.name}")
            if categories not in (None, held):
                raise KerasVisionError(
                    f"{what}: {file.name} has other categories than {next(iter(files.values())).name}"
                )
            categories = held
            folder = self._folder(root, file, document, what)
            pictures += _pictures(document, held, folder, split, f"{what}: {file.name}")
        return tuple(categories.values()), pictures

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
        some = [image["file_name"] for image in document["images"][:20]]
        return max(bases, key=lambda base: sum((base / name).is_file() for name in some))  # the first of equals


def _words(file):
    return set(_WORDS.findall(file.stem.lower()))


def _found(root, split):
    """JSON files of a split, by their names or that of their folder."""
    aliases = {alias for alias, name in splits.ALIASES.items() if name == split}
    below = [f for f in sorted((*root.glob("*.json"), *root.glob("annotations/*.json"))) if aliases & _words(f)]
    inside = [f for alias in sorted(aliases) for f in sorted((root / alias).glob("*.json"))]
    return [f for f in (*below, *inside) if not _OTHER_TASKS & _words(f)]


def _document(file, what):
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise KerasVisionError(f"{what}: no JSON: {error}") from None
    lists = ("images", "annotations", "categories")
    missing = [k for k in lists if not isinstance(document, dict) or not isinstance(document.get(k), list)]
    if missing:
        raise KerasVisionError(f"{what}: no list {named(map(repr, missing))}; COCO's detection JSON has {named(lists)}")
    needs = {"images": ("id", "file_name"), "annotations": ("image_id", "category_id"), "categories": ("id", "name")}
    for name, keys in needs.items():
        for number, row in enumerate(document[name]):
            lacking = [k for k in keys if k not in row]
            if lacking:
                raise KerasVisionError(f"{what}: {name}[{number}] has no {named(lacking)}")
    return document


def _categories(document, what):
    """id -> name, in the order of the ids."""
    rows = document["categories"]
    ids = [row["id"] for row in rows]
    if len(set(ids)) < len(ids):
        raise KerasVisionError(f"{what}: two categories of one id")
    if not rows:
        raise KerasVisionError(f"{what}: no categories")
    return {row["id"]: row["name"] for row in sorted(rows, key=lambda row: row["id"])}


def _pictures(document, categories, folder, split, what):
    images = document["images"]
    count = collections.Counter(image["id"] for image in images)
    twice = [i for i, n in count.items() if n > 1]
    if twice:
        raise KerasVisionError(f"{what}: {len(twice)} image ids stand there twice: {named(map(str, twice))}")
    things = collections.defaultdict(list)
    labels = {category: number for number, category in enumerate(categories)}
    names = {image["id"]: image["file_name"] for image in images}
    for annotation in document["annotations"]:
        image_id = annotation["image_id"]
        where = f"{what}: annotation {annotation.get('id', '')} of {names.get(image_id, image_id)}"
        if image_id not in names:
            raise KerasVisionError(
                f"{where}: no image has the id {image_id!r}; remove the annotation or list the image"
            )
        things[image_id].append(_thing(annotation, labels, where))
    return [_picture(image, folder, tuple(things[image["id"]]), split) for image in images]


def _thing(annotation, labels, where):
    if annotation["category_id"] not in labels:
        hint = close_matches(annotation["category_id"], labels)
        raise KerasVisionError(f"{where}: category {annotation['category_id']!r} is none of the categories; {hint}")
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(v, (int, float)) for v in box):
        raise KerasVisionError(f"{where}: bbox is {box!r}; allowed: [x, y, width, height] in pixels")
    x, y, w, h = box
    return thing_of(labels[annotation["category_id"]], (x, y, x + w, y + h), annotation)


def _picture(image, folder, things, split):
    size = (image.get("height"), image.get("width"))
    name = image["file_name"]
    return Picture(
        path=str(folder / name),
        name=name,
        things=things,
        split=split,
        image_hw=size if all(isinstance(v, int) for v in size) else None,
        image_id=image["id"] if isinstance(image["id"], int) else None,
        illumination=image.get("illumination"),
    )
