"""From what a person types after `--data` to a source."""

import pathlib
import re

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sources._pairs import holds_masks, is_mask_csv
from kerasvision.data.sources._volumes import holds_volumes, is_volume_csv
from kerasvision.data.splits import ALIASES
from kerasvision.data.text import read_head

ALLOWED = (
    "a folder with a folder a class, of COCO JSON, VOC XML or YOLO text, or of images/ and masks/, of images or NIfTI "
    "volumes; a .csv manifest, a COCO .json, a YOLO .yaml; coco:PATH, voc:PATH, yolo:PATH, "
    "cut_paste:CUTOUTS,BACKGROUNDS, image_mask:PATH, volumes:PATH, semantic:DATA with objects' masks, tfds:NAME, or "
    "digits"
)
_FOLDERS = ("coco", "voc", "yolo", "image_folder", "image_mask", "volumes")  # kinds that a person may put before a path
_COCO_KEYS = re.compile(r'"(images|annotations|categories)"\s*:')
_HEAD = 65536  # bytes of a file that are looked at


def detect(path):
    """A folder -> `coco`, `voc`, `yolo` or `image_mask` by its layout, `volumes` by the names of its files, else
    `image_folder`; a .csv, .json or .yaml file -> `manifest` (with a column mask `image_mask`, of NIfTI files
    `volumes`), `coco` or `yolo`; "digits", and "KIND:..." for what is not seen from a path (folders of DICOM are
    "volumes:PATH"), where "semantic:" stands before any other. A folder named digits is written ./digits.
    """
    text = str(path)
    if text == "digits":
        return sources["digits"]()
    kind, colon, rest = text.partition(":")
    if colon and kind in (*_FOLDERS, "tfds", "cut_paste", "semantic"):
        return _named(kind, rest)
    place = pathlib.Path(text).expanduser()
    if place.is_dir():
        return sources[_folder_kind(place, text)](path=text)
    kind = {".csv": "manifest", ".json": "coco", ".yaml": "yolo", ".yml": "yolo"}.get(place.suffix.lower())
    if place.is_file() and kind == "manifest":
        kind = "volumes" if is_volume_csv(place) else "image_mask" if is_mask_csv(place) else kind
    if place.is_file() and kind and (kind != "coco" or is_coco(place)):
        return sources[kind](path=text)
    seen = "no such file or folder"
    if place.exists():
        seen = "no COCO JSON" if kind == "coco" else "a file that is no .csv, .json or .yaml"
    raise UsageError(f"data {text!r}: {seen}; allowed: {ALLOWED}")


def _named(kind, rest):
    """The source of "KIND:REST"."""
    if not rest:
        needs = {
            "tfds": "a name, as in tfds:cifar10",
            "semantic": "a source of objects, as in semantic:coco:PATH",
        }.get(kind, f"a path, as in {kind}:PATH")
        raise UsageError(f"{kind}: needs {needs}")
    if kind == "tfds":
        return sources["tfds"](name=rest)
    if kind == "semantic":
        return sources["semantic"](of=detect(rest))
    if kind != "cut_paste":
        return sources[kind](path=rest)
    cutouts, *backgrounds = rest.split(",")
    if not all([cutouts, *backgrounds]) or not backgrounds:
        raise UsageError(f"data 'cut_paste:{rest}': write cut_paste:CUTOUTS,BACKGROUNDS, further folders after commas")
    return sources["cut_paste"](path=cutouts, backgrounds=tuple(backgrounds))


def _folder_kind(root, text):
    """What a folder's layout says. Names are looked at, and the heads of files that may be COCO's JSON or VOC's XML."""
    parts = [f for f in sorted(root.iterdir()) if f.name.lower() in ALIASES and f.is_dir()]
    xml = (min(place.glob("*.xml"), default=None) for place in (root / "Annotations", root, *parts))
    documents = (f for place in (root, root / "annotations", *parts) for f in sorted(place.glob("*.json")))
    masks = holds_masks(root)
    yolo = any((root / name).is_file() for name in ("data.yaml", "data.yml"))
    labels, listed = root / "labels", (root / "classes.txt").is_file() and masks is None
    yolo |= (root / "images").is_dir() and (labels.is_dir() and labels != masks or listed)
    yolo |= listed and len(list(root.glob("*.txt"))) > 1
    volumes = holds_volumes(root)
    seen = {
        "coco": any(is_coco(f) for f in documents),
        "voc": any("<annotation" in read_head(f, _HEAD) for f in xml if f),
        "yolo": yolo and not volumes,  # labels/ and classes.txt are volumes' too
        "image_mask": masks is not None,
        "volumes": volumes,
    }
    found = [kind for kind in seen if seen[kind]]
    if len(found) > 1:
        raise UsageError(f"data {text!r}: looks like {' and '.join(found)}; say which, as in {found[0]}:{text}")
    return found[0] if found else "image_folder"


def is_coco(file):
    """Whether a JSON file begins as COCO's do. They may be large, with one of their lists at the end."""
    head = read_head(file, _HEAD)
    found = set(_COCO_KEYS.findall(head))
    return head.lstrip().startswith("{") and len(found) >= (1 if file.stat().st_size > _HEAD else 2)
