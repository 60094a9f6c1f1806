"""Labeled boxes written as COCO's JSON, Pascal VOC's XML or YOLO's text files. Read back, they are the same labels.

What a format has no place for stands where its other readers look past it: in COCO's JSON under keys of our own, in VOC
in an element `kerasvision` with JSON, for YOLO in a file kerasvision.json beside data.yaml. So a way there and back
loses nothing: boxes come back within 1e-6 px (VOC) and 1e-8 of the image's side (YOLO, also its polygons), everything
else exactly. COCO states an area of every object, so one that was unknown is known afterwards. File names become flat
in VOC and YOLO: `a/b.jpg` is written as `a-b.jpg`.

YOLO knows one polygon an object and no crowds. In a file with polygons every object is one, as readers expect: an
object of several parts becomes one polygon joined by lines without width (where its parts overlap, a reader sees a
hole), one without a polygon the corners of its box.
"""

import dataclasses
import itertools
import json
import pathlib
import shutil
import tempfile
import xml.etree.ElementTree as ET

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.data import decode
from kerasvision.data.class_names import as_lines
from kerasvision.data.sources._coco_document import coco_document, text_counts
from kerasvision.data.sources._things import extras
from kerasvision.data.sources.yolo import BEYOND

_SHORT = {"train": "train", "validation": "val", "test": "test"}  # as VOC and YOLO spell them


def convert(source, kind, out, link=False, progress=lambda done, total: None):
    """Write a source of labeled boxes into a new folder; `sources/coco`, `sources/voc` or `sources/yolo` opens it.

    kind: "coco", "voc" or "yolo". link: symbolic links to the images in place of copies. progress: called with images
    done and all. The folder is written beside and renamed. Returns its path.
    """
    writers = {"coco": _write_coco, "voc": _write_voc, "yolo": _write_yolo}
    out = pathlib.Path(out)
    if kind not in writers:
        raise UsageError(f"convert to {kind!r}; allowed: {', '.join(writers)}")
    if not hasattr(source, "arranged"):
        raise UsageError(f"{source.registered_name} holds no boxes to convert; allowed: coco, voc, yolo, cut_paste")
    if out.exists():
        raise UsageError(f"{out} is there already; name a folder that is not")
    arranged = source.arranged()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
        folder = pathlib.Path(beside) / out.name
        placed = writers[kind](arranged, folder)
        for done, (origin, target) in enumerate(placed, 1):
            target.parent.mkdir(parents=True, exist_ok=True)
            _place(pathlib.Path(origin), target, link, getattr(source, "orientation", "") == "stored")
            progress(done, len(placed))
        folder.replace(out)
    return out


def _place(origin, target, link, is_stored):
    """is_stored: labels are of stored pixels, so that the picture is written without an EXIF orientation."""
    encoded = origin.read_bytes() if is_stored else b""
    if encoded and (plain := decode.on_host(decode.stored)(tf.constant(encoded)).numpy()) != encoded:
        target.write_bytes(plain)
    elif link:
        target.symlink_to(origin.resolve())
    else:
        shutil.copyfile(origin, target)


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_coco(arranged, folder):
    """annotations/<split>.json and <split>/<file>."""
    placed = []
    for split, pictures in arranged.splits.items():
        pictures = [dataclasses.replace(p, name="/".join(_parts(p.name))) for p in pictures]
        _write(folder / "annotations" / f"{split}.json", json.dumps(coco_document(arranged.classes, pictures)))
        placed += [(p.path, folder / split / p.name) for p in pictures]
    return placed


def _parts(name):
    """Of a file name, without those that lead out of the folder."""
    return [part for part in pathlib.PurePosixPath(name).parts if part not in ("/", "..")]


def flat_names(arranged):
    """path -> a name without folders, whose stem no other picture has: VOC and YOLO find labels by the stem."""
    taken, names = set(), {}
    for picture in (p for held in arranged.splits.values() for p in held):
        flat = pathlib.PurePosixPath("-".join(_parts(picture.name)))
        tries = (flat.stem if n == 1 else f"{flat.stem}-{n}" for n in itertools.count(1))
        stem = next(t for t in tries if t not in taken)
        taken.add(stem)
        names[picture.path] = stem + flat.suffix
    return names


def _write_voc(arranged, folder):
    """Annotations/, JPEGImages/, ImageSets/Main/ and classes.txt, the order of the classes."""
    names, placed = flat_names(arranged), []
    _write(folder / "classes.txt", as_lines(arranged.classes, "classes.txt"))
    for split, pictures in arranged.splits.items():
        stems = []
        for picture in pictures:
            name = names[picture.path]
            stems.append(pathlib.PurePosixPath(name).stem)
            _write(folder / "Annotations" / f"{stems[-1]}.xml", _voc_text(picture, name, arranged.classes))
            placed.append((picture.path, folder / "JPEGImages" / name))
        _write(folder / "ImageSets" / "Main" / f"{_SHORT[split]}.txt", "".join(f"{s}\n" for s in stems))
    return placed


def _voc_text(picture, name, classes):
    root = ET.Element("annotation")
    _add(root, "filename", name)
    size = ET.SubElement(root, "size")
    for key, value in zip(("width", "height", "depth"), (*picture.image_hw[::-1], 3), strict=True):
        _add(size, key, value)
    _add(root, "segmented", 0)
    _add(root, "kerasvision", json.dumps(_picture_extras(picture)))
    for thing in picture.things:
        _add_object(root, thing, classes)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add_object(root, thing, classes):
    element = ET.SubElement(root, "object")
    _add(element, "name", classes[thing.label])
    _add(element, "truncated", int(bool(thing.is_truncated)))
    _add(element, "difficult", int(bool(thing.is_difficult)))
    box = ET.SubElement(element, "bndbox")
    x1, y1, x2, y2 = thing.box_xyxy
    for key, value in (("xmin", x1 + 1), ("ymin", y1 + 1), ("xmax", x2), ("ymax", y2)):
        _add(box, key, f"{round(value, 6):.15g}")
    rest = extras(thing)
    rest |= {k: None for k in ("difficult", "truncated") if k not in rest}  # VOC's 0 would say that it is known
    _add(element, "kerasvision", json.dumps(rest | text_counts(rest)))


def _add(parent, tag, text):
    ET.SubElement(parent, tag).text = str(text)


def _picture_extras(picture):
    held = {"image_id": picture.image_id, "illumination": picture.illumination}
    return {k: v for k, v in held.items() if v is not None}


def _write_yolo(arranged, folder):
    """data.yaml, images/<split>/, labels/<split>/ and kerasvision.json."""
    names, placed, beyond = flat_names(arranged), [], {}
    lines = [f"{_SHORT[s]}: images/{_SHORT[s]}\n" for s in arranged.splits]
    for split, pictures in arranged.splits.items():
        for picture in pictures:
            place = pathlib.PurePosixPath(_SHORT[split]) / names[picture.path]
            rows, objects = _yolo_rows(picture)
            _write(folder / "labels" / place.with_suffix(".txt"), "".join(f"{row}\n" for row in rows))
            placed.append((picture.path, folder / "images" / place))
            beyond[f"images/{place}"] = _picture_extras(picture) | ({"objects": objects} if any(objects) else {})
    text = (
        "".join(lines)
        + f"nc: {len(arranged.classes)}\nnames: {json.dumps(list(arranged.classes), ensure_ascii=False)}\n"
    )
    _write(folder / "data.yaml", text)  # a JSON list is YAML too, but for JSON's escapes of two halves of a character
    _write(folder / BEYOND, json.dumps(beyond))
    return placed


def _yolo_rows(picture):
    """(lines, for each what it cannot say)."""
    h, w = picture.image_hw
    polygons = any(isinstance(t.segmentation, list) for t in picture.things)
    rows, objects = [], []
    for thing in picture.things:
        x1, y1, x2, y2 = thing.box_xyxy
        rest = extras(thing)
        if not polygons:
            values = ((x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h)
        else:
            points, rest = _outline(thing, rest)
            values = [v / side for v, side in zip(points, (w, h) * (len(points) // 2), strict=True)]
        rows.append(" ".join([str(thing.label), *(f"{v:.9g}" for v in values)]))
        objects.append(rest | text_counts(rest))
    return rows, objects


def _outline(thing, rest):
    """(points of the polygon that is written, what it does not say)."""
    x1, y1, x2, y2 = thing.box_xyxy
    rest = rest | {"box_xyxy": list(thing.box_xyxy)}
    if not isinstance(thing.segmentation, list):
        return [x1, y1, x2, y1, x2, y2, x1, y2], {"segmentation": None} | rest
    if len(thing.segmentation) > 1:
        rings = [polygon + polygon[:2] for polygon in thing.segmentation]
        return [v for ring in rings for v in ring], rest
    points = thing.segmentation[0]
    xs, ys = points[::2], points[1::2]
    hull = (min(xs), min(ys), max(xs), max(ys))
    same = max(abs(a - b) for a, b in zip(hull, thing.box_xyxy, strict=True)) < 1e-6
    return points, {k: v for k, v in rest.items() if k != "segmentation" and not (same and k == "box_xyxy")}
