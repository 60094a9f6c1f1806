"""Pascal VOC's XML: M. Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, IJCV 88(2), 2010."""

import dataclasses
import json
import pathlib
import typing

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data.sources import _voc_files
from kerasvision.data.sources._boxes import BoxSource, Picture
from kerasvision.data.sources._files import named
from kerasvision.data.sources._places import Places
from kerasvision.data.sources._things import stated_number, stated_side, thing_of
from kerasvision.data.text import read_class_names

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = {"1": True, "true": True, "yes": True} | dict.fromkeys(("", "0", "false", "no", "unspecified"), False)
_OTHER_SHAPES = ("polygon", "robndbox", "segmentation", "mask")  # of tools that write VOC's XML


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
    masks: where a `kerasvision` element holds them, as `data/inspect/convert.py` writes; SegmentationObject/*.png is
    not read. The parts of a person (layout) are not objects. A split without a list is cut out of training, as in
    `image_folder`, by validation_fraction, test_fraction (0: not at all) and seed. max_objects: an image with more is
    an error; 0 allows any number. An architecture that pads to a number of its own says so too. skip_bad_boxes,
    skip_unreadable: leave out and report in place of refusing. See `_boxes.py` for every bad input.
    """

    opens: typing.ClassVar[str] = "a folder of VOC's XML"

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

    @classmethod
    def detects(cls, path):
        return path.is_dir() and _voc_files.holds_annotations(path)

    def read(self):
        what = f"voc {self.path!r}"
        root = pathlib.Path(self.path).expanduser()
        if not root.is_dir():
            raise KerasVisionError(f"{what}: {'not a folder' if root.exists() else 'no such folder'}")
        files, said = _voc_files.listed(root, what)
        if not files:
            raise KerasVisionError(f"{what}: no .xml files in it, its Annotations or its folders train, val and test")
        trees = [(file, split, _voc_files.tree(file, f"{what}: {file.name}")) for file, split in files]
        raw = {o.findtext("name") or "" for _, _, tree in trees for o in tree.findall("object")}
        names = root / "classes.txt"
        listed = read_class_names(names, f"{what}: {names.name}") if names.is_file() else None
        classes = self.classes or listed or tuple(sorted({name.strip() for name in raw} - {""}))
        if not classes:
            raise KerasVisionError(f"{what}: no object in {len(trees)} files; name the classes with classes=(...)")
        labels = {name: i for i, name in enumerate(classes)}
        places, pictures = Places(), []
        for file, split, tree in trees:
            path, lost = _voc_files.image(root, file, _text(tree, "filename"), places)
            pictures.append(self._picture(path, split, tree, labels, f"{what}: {file.name}"))
            said += [f"filename: {file.name} says {lost}, {pictures[-1].name} was read"] if lost else []
        said += [f"alike: {name!r} is read as {name.strip()!r}" for name in sorted(raw) if name != name.strip()]
        return classes, pictures, said + self._said(trees) + _left(files, pictures, places)

    def _picture(self, path, split, tree, labels, where):
        extra = _extra(tree, where)
        sides = [[stated_side(_text(s, k), f"{where}: {k}") for k in ("height", "width")] for s in tree.findall("size")]
        if any(other != sides[0] for other in sides):
            raise KerasVisionError(f"{where}: {len(sides)} different sizes; keep that of the image")
        return Picture(
            path=path,
            name=pathlib.PurePath(path).name,
            things=tuple(
                self._thing(o, labels, f"{where}: object {i}") for i, o in enumerate(tree.findall("object"), 1)
            ),
            split=split,
            image_hw=tuple(sides[0]) if sides else None,
            image_id=extra.get("image_id"),
            illumination=stated_number(extra.get("illumination"), f"{where}: illumination"),
        )

    def _thing(self, element, labels, where):
        name = _text(element, "name")
        if name not in labels:
            raise KerasVisionError(f"{where}: name {name!r} is none of the classes; {close_matches(name, labels)}")
        boxes = element.findall("bndbox")
        if len(boxes) != 1:
            other = [shape for shape in _OTHER_SHAPES if element.find(shape) is not None]
            hint = f" (it has {named(other)})" if other else ""
            raise KerasVisionError(f"{where}: {len(boxes)} bndbox{hint}; allowed: one, with {named(_CORNERS, 4)}")
        try:
            x1, y1, x2, y2 = (float(_text(boxes[0], corner)) for corner in _CORNERS)
        except ValueError:
            raise KerasVisionError(f"{where}: no number in bndbox; allowed: {named(_CORNERS, 4)} in pixels") from None
        box = (x1 - 1, y1 - 1, x2, y2) if self.one_based else (x1, y1, x2, y2)
        held = {k: _flag(element, k, where) for k in ("difficult", "truncated")} | _extra(element, where)
        return thing_of(labels[name], box, held, where)

    def _said(self, trees):
        """Findings: corners of 0, which VOC does not know, and shapes beside boxes."""
        zero, shapes = [], []
        for file, _, tree in trees:
            objects = tree.findall("object")
            corners = [_text(o, f"bndbox/{corner}") for o in objects for corner in _CORNERS[:2]]
            zero += [file.name] if any(_is_zero(c) for c in corners) and self.one_based else []
            shapes += [file.name] if any(o.find(s) is not None for o in objects for s in _OTHER_SHAPES) else []
        return [f"zero_based: {name}" for name in zero] + [f"shapes: {name}" for name in shapes]


def _left(files, pictures, places):
    """A finding: pictures that have no XML file. What no list names is told by the XML files."""
    beside = {pathlib.PurePath(n).stem for folder in {f.parent for f, _ in files} for n in _names(folder, places)}
    left = [p for p in places.left([p.path for p in pictures]) if pathlib.PurePath(p).stem not in beside]
    some = named(pathlib.PurePath(path).name for path in left)
    return [f"unlisted: {len(left)} images without an XML file: {some}"] if left else []


def _names(folder, places):
    return [name for name in places.names(folder) if name.lower().endswith(".xml")]


def _is_zero(text):
    try:
        return float(text) == 0
    except ValueError:
        return False


def _flag(element, name, where):
    text = _text(element, name)
    if text.lower() not in _FLAGS:
        raise KerasVisionError(f"{where}: {name} is {text!r}; allowed: 0 or 1")
    return _FLAGS[text.lower()]


def _text(element, path):
    return (element.findtext(path) or "").strip()


def _extra(element, where):
    """What `data/inspect/convert.py` wrote beyond VOC's own elements."""
    try:
        return json.loads(_text(element, "kerasvision") or "{}")
    except json.JSONDecodeError as error:
        raise KerasVisionError(f"{where}: kerasvision: no JSON: {error}") from None
