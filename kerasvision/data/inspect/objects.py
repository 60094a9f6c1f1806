"""What `data check` says of labeled boxes: how many, how large, and which are odd."""

import numpy as np

from kerasvision.data.splits import NAMES

TINY_PX = 4  # shorter side of a box, pixels of the stored image
LONGEST = 10  # longer side over shorter side
WHOLE = 0.98  # part of the image's area
SAME_IOU = 0.9
SIZES_PX = {"small": (0, 32), "medium": (32, 96), "large": (96, np.inf)}  # COCO's: square root of the area

# kind -> (what was found, what training does with it): what sources of boxes and of volumes say, as lines that begin
# with the kind
FINDINGS = {
    "elsewhere": ("paths in data.yaml that are not where it says", "what was read is named; mend the path"),
    "unlisted": ("files that nothing names", "they are not read"),
    "filename": (
        "XML files whose <filename> is another image that is there",
        "the image of the XML file's own name counts; mend <filename>, or the names of the files",
    ),
    "shared": ("label files that several images share by their names", "each of these images has its objects"),
    "alike": ("class names with white space around them", "the name without it counts"),
    "keypoints": ("lines with keypoints", "their boxes count, the keypoints are not read"),
    "oriented": ("boxes that are turned", "the upright box around each counts, its turn is not read"),
    "mixed": ("boxes among polygons", "lines of five numbers are boxes, longer ones are polygons"),
    "corners": ("doubt about what the numbers of boxes mean", "they are read as the format says; look at them drawn"),
    "hulls": (
        "images with polygons that lie elsewhere than the boxes of their objects",
        "the boxes count for detection, the polygons as masks; one of the two is wrong",
    ),
    "zero_based": (
        "XML files with a corner of 0, where VOC counts from 1",
        "corners are read as VOC's; if the tool counted from 0, say one_based=False",
    ),
    "shapes": ("XML files with another shape beside a box", "the boxes count"),
    "inverted": ("DICOM series whose high numbers are dark", "turned over, so that high is bright"),
}
LEFT_OUT = {"unlisted"}  # kinds of what is not trained on
UNCOUNTED = {"unlisted", "keypoints", "oriented", "mixed", "corners", "ignored"}  # kinds whose line says how many


def report(seen, classes):
    """{"objects": {split: {"count", "images_without", "per_image": {"mean", "max"}, "side_px": {"min", "median",
    "max"}, "sizes": {"small", "medium", "large"}, "classes": {class: {"count", "images", "median_side_px"}}}}}.

    side_px: square root of a box's area, in pixels of the stored image. Empty for a source without boxes. seen: as
    `data/inspect/check.py` has it.
    """
    held = {name: [s for s in seen if s.split == name and s.boxes_xyxy is not None] for name in NAMES}
    held = {name: images for name, images in held.items() if images}
    return {"objects": {name: _split(images, classes) for name, images in held.items()}} if held else {}


def _split(images, classes):
    counts = np.array([len(s.boxes_xyxy) for s in images])
    sides = np.sqrt(np.concatenate([_sides(s.boxes_xyxy).prod(1) for s in images]))
    labels = np.concatenate([np.array(s.labels, int) for s in images])
    within = {name: (sides >= low) & (sides < high) for name, (low, high) in SIZES_PX.items()}
    return {
        "count": int(counts.sum()),
        "images_without": int((counts == 0).sum()),
        "per_image": {"mean": round(float(counts.mean()), 2), "max": int(counts.max())},
        "side_px": _range(sides),
        "sizes": {name: int(inside.sum()) for name, inside in within.items()},
        "classes": {
            name: {
                "count": int((labels == i).sum()),
                "images": sum(i in s.labels for s in images),
                "median_side_px": _range(sides[labels == i]).get("median"),
            }
            for i, name in enumerate(classes)
        },
    }


def _range(values):
    if not len(values):
        return {}
    return {k: round(float(f(values)), 1) for k, f in (("min", np.min), ("median", np.median), ("max", np.max))}


def _sides(boxes_xyxy):
    return boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]


def oddities(seen, classes):
    """Kind of finding -> one line an image."""
    found = {kind: [] for kind in ("tiny", "long", "whole", "twins", "absent")}
    for image in (s for s in seen if s.boxes_xyxy is not None and len(s.boxes_xyxy)):
        sides = _sides(image.boxes_xyxy)
        area = sides.prod(1) / max(image.facts.height * image.facts.width, 1)
        where = {
            "tiny": sides.min(1) < TINY_PX,
            "long": sides.max(1) > LONGEST * sides.min(1),
            "whole": (area >= WHOLE) & (image.facts.height > 0),
        }
        for kind, odd in where.items():
            found[kind] += [f"{image.name} ({_listed(np.flatnonzero(odd), image, classes)})"] if odd.any() else []
        pairs = _twins(image.boxes_xyxy, np.array(image.labels))
        found["twins"] += [f"{image.name} ({_listed(pairs, image, classes)})"] if len(pairs) else []
    found["absent"] = _absent(seen, classes)
    return found


def _listed(rows, image, classes):
    """`dog 12 x 3 at 40, 7 and 2 more`."""
    x1, y1, x2, y2 = image.boxes_xyxy[rows[0]]
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{classes[image.labels[rows[0]]]} {x2 - x1:.3g} x {y2 - y1:.3g} at {x1:.4g}, {y1:.4g}{more}"


def _twins(boxes, labels):
    """Indices of boxes that have a box of their class before them with which they nearly coincide."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(-1)
    area = _sides(boxes).prod(1)
    close = shared >= SAME_IOU * (area[:, None] + area[None] - shared)
    return np.flatnonzero(np.tril(close & (labels[:, None] == labels[None]), -1).any(1))


def _absent(seen, classes):
    lines = []
    for name in NAMES:
        images = [s for s in seen if s.split == name and s.boxes_xyxy is not None]
        known = {label for s in images for label in s.labels}
        missing = [c for i, c in enumerate(classes) if i not in known]
        lines += [f"{name}: {c}" for c in missing] if known else []
    return lines
