"""Pascal VOC's XML: M. Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, IJCV 88(2), 2010."""

import dataclasses
import json
import pathlib
import xml.etree.ElementTree as ET

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources._boxes import BoxSource, Picture, thing_of
from kerasvision.data.sources._files import named

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@sources.register("voc")
@dataclasses.dataclass(frozen=True)
class Voc(BoxSource):
    """Samples: `image_bytes`, `path`, `image_id` int64, `boxes_xyxy` float32 [N, 4], `labels` int32 [N], `is_crowd`
    bool [N] (false), `area_px` float32 [N], `is_difficult` and `is_truncated` bool [N] (false where the XML says
    nothing); `instance_masks` uint8 [N, H, W] with masks=True.

    path: a folder with Annotations/*.xml, JPEGImages/ and ImageSets/Main/{train,val,test,trainval}.txt; or with XML
    files beside the images, in it or in folders train, val and test. one_based: VOC counts pixels from 1 and its box
    includes the last one, so (xmin, ymin, xmax, ymax) = (1, 1, W, H) is the whole image and becomes (0, 0, W, H). Tools
    that write 0-based corners (LabelImg) need one_based=False: corners are then taken as they are. classes: the class
    names in order, any other is an error; empty takes the lines of classes.txt, else the sorted names of the files.
    masks: where a `kerasvision` element holds them, as `data/convert.py` writes; SegmentationObject/*.png is not read.
    The parts of a person (layout) are not objects. A split without a list is cut out of training, as in
    `image_folder`, by validation_fraction, test_fraction (0: not at all) and seed. max_objects: an image with more is
    an error; 0 allows any number. An architecture that pads to a number of its own says so too. skip_bad_boxes,
    skip_unreadable: leave out and report in place of refusing. See `_boxes.py` for every bad input.
    """

    path: str
    classes: tuple[str, ...] = ()
    one_based: bool = True
    masks: bool = False
    max_objects: int = 0
    skip_bad_boxes: bool = False
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    def read(self):
        what = f"voc {self.path!r}"
        root = pathlib.Path(self.path).expanduser()
        if not root.is_dir():
            raise KerasVisionError(f"{what}: {'not a folder' if root.exists() else 'no such folder'}")
        listed = _listed(root, what)
        if not listed:
            raise KerasVisionError(f"{what}: no .xml files in it, its Annotations or its folders train, val and test")
        trees = [(file, split, _tree(file, f"{what}: {file.name}")) for file, split in listed]
        seen = {_text(o, "name") for _, _, tree in trees for o in tree.findall("object")}
        names = root / "classes.txt"
        classes = self.classes or tuple(_lines(names) if names.is_file() else sorted(seen - {""}))
        if not classes:
            raise KerasVisionError(f"{what}: no object in {len(trees)} files; name the classes with classes=(...)")
        labels = {name: i for i, name in enumerate(classes)}
        return classes, [self._picture(root, file, split, tree, labels, what) for file, split, tree in trees]

    def _picture(self, root, file, split, tree, labels, what):
        path = _image(root, file, tree)
        extra = _extra(tree, f"{what}: {file.name}")
        size = [_text(tree, f"size/{side}") for side in ("height", "width")]
        return Picture(
            path=str(path),
            name=path.name,
            things=tuple(
                self._thing(o, labels, f"{what}: {file.name}: object {i}")
                for i, o in enumerate(tree.findall("object"), 1)
            ),
            split=split,
            image_hw=tuple(int(s) for s in size) if all(s.isdigit() and int(s) for s in size) else None,
            image_id=extra.get("image_id"),
            illumination=extra.get("illumination"),
        )

    def _thing(self, element, labels, where):
        name = _text(element, "name")
        if name not in labels:
            raise KerasVisionError(f"{where}: name {name!r} is none of the classes; {close_matches(name, labels)}")
        try:
            x1, y1, x2, y2 = (float(_text(element, f"bndbox/{corner}")) for corner in _CORNERS)
        except ValueError:
            raise KerasVisionError(f"{where}: no number in bndbox; allowed: {named(_CORNERS, 4)} in pixels") from None
        box = (x1 - 1, y1 - 1, x2, y2) if self.one_based else (x1, y1, x2, y2)
        held = {k: _text(element, k) == "1" for k in ("difficult", "truncated")} | _extra(element, where)
        return thing_of(labels[name], box, held)


def _listed(root, what):
    """[(XML file, split or None)]."""
    annotations = root / "Annotations"
    sets = root / "ImageSets" / "Main"
    if annotations.is_dir():
        lists = {s: sets / f"{a}.txt" for a, s in splits.ALIASES.items() if (sets / f"{a}.txt").is_file()}
        if "train" not in lists and (sets / "trainval.txt").is_file():
            lists = {"train": sets / "trainval.txt"} | {k: v for k, v in lists.items() if k == "test"}
        if not lists:
            return [(f, None) for f in sorted(annotations.glob("*.xml"))]
        names = {split: [line.split()[0] for line in _lines(file)] for split, file in lists.items()}
        found = [(annotations / f"{name}.xml", split) for split, held in names.items() for name in held]
        missing = [f.name for f, _ in found if not f.is_file()]
        if missing:
            raise KerasVisionError(
                f"{what}: {len(missing)} files of ImageSets are not in Annotations: {named(missing)}"
            )
        return found
    folders = {f: splits.ALIASES[f.name.lower()] for f in sorted(root.iterdir()) if f.name.lower() in splits.ALIASES}
    inside = [(f, split) for folder, split in folders.items() for f in sorted(folder.rglob("*.xml"))]
    return inside or [(f, None) for f in sorted(root.glob("*.xml"))]


def _lines(file):
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _tree(file, what):
    try:
        return ET.parse(file).getroot()
    except ET.ParseError as error:
        raise KerasVisionError(f"{what}: no XML: {error}") from None


def _text(element, path):
    return (element.findtext(path) or "").strip()


def _extra(element, where):
    """What `data/convert.py` wrote beyond VOC's own elements."""
    try:
        return json.loads(_text(element, "kerasvision") or "{}")
    except json.JSONDecodeError as error:
        raise KerasVisionError(f"{where}: kerasvision: no JSON: {error}") from None


def _image(root, file, tree):
    """The image of an XML file: by its `filename`, else by the XML's own name; a missing one is found out later."""
    folders = (root / "JPEGImages", file.parent, root / "images", root)
    names = [_text(tree, "filename"), *(file.stem + suffix for suffix in SUFFIXES)]
    places = [folder / name for name in names if name for folder in folders]
    first = places[0] if (root / "JPEGImages").is_dir() or names[0] else file.with_suffix(".jpg")
    return next((p for p in places if p.is_file()), first)
