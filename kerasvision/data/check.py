"""A look at a data source before training: what it holds, and what training will do with everything odd in it."""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import statistics

import numpy as np
import tensorflow as tf

from kerasvision.core.component import hints, to_json
from kerasvision.core.errors import UsageError
from kerasvision.data import duplicates, facts, objects, readable
from kerasvision.ops.dense import IGNORE

# kind -> (what was found, what training does with it)
FINDINGS = {
    "unreadable": ("files that cannot be decoded", "training refuses them; --skip-unreadable leaves them out"),
    "copy": ("copies of images that judge", "left out of the split that trains, so that the figures stay honest"),
    "not": ("files beside the images", "ignored"),
    "boxes": (
        "images with boxes without area, outside or not finite",
        "training refuses them; skip_bad_boxes=True leaves them out",
    ),
    "margins": ("images with boxes that reach beyond them", "clipped to the image"),
    "repeated": ("images with a box that stands there twice", "each counts once"),
    "unlabeled": ("images without a label file", "count as images without objects"),
    "binary": ("doubt about what 255 means in a mask", "it is learned as a class"),
    "tiny": (
        f"images with objects whose shorter side is below {objects.TINY_PX} pixels",
        "they count; few anchors and no phone will find them: leave them out, or cut the images into parts",
    ),
    "long": (
        f"images with objects more than {objects.LONGEST} times as long as wide",
        "they count; see `kerasvision data anchors` for anchors of such shapes",
    ),
    "whole": ("images with an object that covers all of them", "they count; is it a label of the whole image?"),
    "twins": (
        f"images with two boxes of one class that nearly coincide (IoU of {objects.SAME_IOU} or more)",
        "both count, and suppression will give one; remove what was labeled twice",
    ),
    "absent": ("classes without an object in a split that has others", "such a class has no figure there"),
    "contradiction": (
        "groups of images with equal bytes but different labels",
        "training uses all of them; mend the labels",
    ),
    "exact_duplicates": ("groups of images with equal bytes", "each image counts; they are kept in one split"),
    "leak": (
        "groups of images with equal bytes that lie in several splits",
        "the figures on the judging split are too good; remove all but one",
    ),
    "near_duplicates": ("groups of nearly equal images", "each image counts"),
    "near_leak": (
        "groups of nearly equal images that lie in several splits",
        "the figures may be too good; keep them together with a manifest and its column group",
    ),
    "exif_orientation": (
        "images with an EXIF orientation",
        "applied in training and serving: labels count on the upright picture; orientation='stored' says otherwise",
    ),
    "exif_taken_away": (
        "images with an EXIF orientation, of a source with orientation='stored'",
        "labels and training count on stored pixels; serving applies the tag: serve such files without it",
    ),
    "turned": ("what the labels' own sizes say of EXIF orientations", "as the source's orientation says"),
    "grayscale": ("gray images", "the gray value goes into all three channels"),
    "alpha": ("images with transparency", "composited over white"),
    "color_key": ("PNGs with a transparent color", "the color is used as it is stored"),
    "gif_transparency": ("GIFs with transparency", "transparent pixels become black"),
    "cmyk": ("CMYK images", "converted to RGB"),
    "sixteen_bit": ("images of 16 bits a channel", "the high 8 bits count"),
    "dark_sixteen_bit": (
        "images of 16 bits a channel whose values use 12 bits or fewer",
        "the high 8 bits count, which are black or nearly so; save them as 8 bits, or multiply the values to fill 16",
    ),
    "animated": ("animations", "the first frame counts"),
}
_TRAITS = ("exif_orientation", "exif_taken_away", "grayscale", "alpha", "color_key", "gif_transparency", "cmyk")
_TRAITS += ("sixteen_bit", "dark_sixteen_bit", "animated")
_EXAMPLES = 5


@dataclasses.dataclass(frozen=True)
class Seen:
    """One image of the source. labels: class indices. boxes_xyxy: of its objects, None where there are none to know.

    pixels: how many of its mask's have each value 0..255; None without a mask.
    """

    name: str
    split: str
    labels: tuple[int, ...]
    facts: facts.Facts
    boxes_xyxy: np.ndarray | None = None
    pixels: tuple[int, ...] | None = None


def check(source, progress=lambda task, done, total: None):
    """The JSON of a data source's report; the source's own errors pass through.

    Unreadable files and bad boxes are reported, not refused. progress: called with "images" or "near duplicates", and
    how many of how many are done. Returns {"source", "classes", "splits": {name: {"size", "classes": {class: count}}},
    "image_size": {"height" and "width": {"min", "median", "max"}}, "formats": {name: count}, "findings": [{"kind",
    "what", "count", "examples", "training"}]}; for a source of boxes "objects" (`data/objects.py`); for one of masks,
    whose classes are counted in images that show them, "pixels" {split: {"classes": {class: count}, "ignored": count}}.
    """
    lenient = {k: True for k in ("skip_unreadable", "skip_bad_boxes") if k in hints(type(source))}
    source = dataclasses.replace(source, **lenient)
    opened = source.open()
    _refuse_volumes(opened)
    base = pathlib.Path(getattr(source, "path", "")).expanduser()
    is_stored = getattr(source, "orientation", "") == "stored"
    seen = _look(opened, base if base.is_dir() else base.parent, is_stored, progress)
    read = [s for s in seen if s.facts.problem is None]
    findings = _dropped(opened.dropped)
    findings["unreadable"] += [f"{s.name} ({s.facts.problem})" for s in seen if s.facts.problem]
    for trait in _TRAITS:
        findings[trait] += [s.name for s in read if trait in s.facts.traits]
    _find_exact(seen, findings)
    _find_near(read, findings, progress)
    for kind, lines in objects.oddities(read, opened.classes).items():
        findings[kind] += lines
    return {
        "source": to_json(source),
        "classes": list(opened.classes),
        "splits": _splits(opened, seen),
        "image_size": _sizes(read),
        "formats": dict(sorted(collections.Counter(s.facts.format for s in read).items())),
        "findings": [_finding(kind, found) for kind, found in findings.items() if found],
        **objects.report(read, opened.classes),
        **_pixels(seen, opened),
    }


def _refuse_volumes(opened):
    splits = opened.splits.items()
    if "volume" in next(iter(opened.splits.values())).read_spec:
        held = ", ".join(f"{split.size} {name}" for name, split in splits)
        wrong = f"; left out: {'; '.join(opened.dropped)}" if opened.dropped else ", and nothing was left out"
        raise UsageError(
            "`data check` looks at images. Opening these volumes has checked their headers, grids and labels: "
            f"{held}; classes {', '.join(opened.classes)}{wrong}"
        )


def _look(opened, base, is_stored, progress):
    """Every image of every split, looked at by a few threads."""
    total = sum(split.size for split in opened.splits.values())
    threads = min(16, 2 * (os.cpu_count() or 1))
    seen = []
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for name, split in opened.splits.items():
            samples = split.records.map(split.read, tf.data.AUTOTUNE).prefetch(64).as_numpy_iterator()
            waiting = collections.deque()
            for index, sample in enumerate(samples):
                waiting.append(pool.submit(_see, sample, name, index, base, is_stored))
                if len(waiting) >= 4 * threads:  # bounded: only so many images are held in memory
                    seen.append(waiting.popleft().result())
                    progress("images", len(seen), total)
            seen += [future.result() for future in waiting]
            progress("images", len(seen), total)
    return seen


def _see(sample, split, index, base, is_stored):
    name = os.path.relpath(sample["path"].decode(), base) if "path" in sample else f"{split}[{index}]"
    pixels = np.bincount(sample["mask"].ravel(), minlength=IGNORE + 1).tolist() if "mask" in sample else None
    if "labels" in sample:
        labels = sample["labels"].tolist()
    elif "label" in sample:
        labels = [int(sample["label"])]
    elif pixels is None:  # numbers have no classes
        labels = []
    else:
        labels = [i for i, count in enumerate(pixels[:IGNORE]) if count]
    held = facts.of_bytes(sample["image_bytes"]) if "image_bytes" in sample else facts.of_array(sample["image"])
    if is_stored and "path" in sample and readable.orientation(pathlib.Path(sample["path"].decode()).read_bytes()) > 1:
        held = dataclasses.replace(held, traits=held.traits | {"exif_taken_away"})
    return Seen(name, split, tuple(labels), held, sample.get("boxes_xyxy"), pixels and tuple(pixels))


def _dropped(lines):
    """Kind -> what the source left out; a line's first word says the kind."""
    findings = {kind: [] for kind in FINDINGS}
    for line in lines:
        kind = line.replace(":", " ").split()[0]
        findings[kind].append(line.partition(": ")[2])
    return findings


def _find_exact(seen, findings):
    """Groups of equal bytes, by the worst that can be said of each."""
    for group in duplicates.exact([s.facts.digest for s in seen]):
        members = [seen[i] for i in group]
        line = _joined(members, " = ")
        if len({(m.labels, m.pixels) for m in members}) > 1:
            findings["contradiction"].append(line)
        findings["leak" if len({m.split for m in members}) > 1 else "exact_duplicates"].append(line)


def _joined(members, sign):
    more = f" and {len(members) - _EXAMPLES} more" if len(members) > _EXAMPLES else ""
    return sign.join(m.name for m in members[:_EXAMPLES]) + more


def _find_near(read, findings, progress):
    """Groups of images that are nearly, not all exactly, equal."""
    marked = [s for s in read if s.facts.dhash is not None][: duplicates.MAX_IMAGES]
    if not marked:
        return
    hashes = np.array([s.facts.dhash for s in marked], np.uint64)
    thumbs = np.stack([s.facts.thumb for s in marked])
    pairs = duplicates.near(hashes, thumbs, progress=lambda done: progress("near duplicates", done, len(marked)))
    for group in duplicates.chains(pairs, len(marked)):
        members = [marked[i] for i in group]
        if len({m.facts.digest for m in members}) > 1:
            kind = "near_leak" if len({m.split for m in members}) > 1 else "near_duplicates"
            findings[kind].append(_joined(members, " ~ "))


def _splits(opened, seen):
    """Split -> {"size", "classes": {class: count}}."""
    report = {}
    for name, split in opened.splits.items():
        count = collections.Counter(label for s in seen if s.split == name for label in s.labels)
        report[name] = {"size": split.size, "classes": {c: count[i] for i, c in enumerate(opened.classes)}}
    return report


def _pixels(seen, opened):
    """{"pixels": {split: {"classes": {class: count}, "ignored": count}}}; empty for a source without masks."""
    report = {}
    for name in opened.splits:
        counts = [s.pixels for s in seen if s.split == name and s.pixels is not None]
        total = np.sum(counts, axis=0, dtype=np.int64).tolist() if counts else []
        if counts:
            report[name] = {"classes": dict(zip(opened.classes, total, strict=False)), "ignored": total[IGNORE]}
    return {"pixels": report} if report else {}


def _sizes(read):
    """{"height" and "width": {"min", "median", "max"}}, pixels."""
    read = [s for s in read if s.facts.height]
    if not read:
        return {}
    sides = {side: [getattr(s.facts, side) for s in read] for side in ("height", "width")}
    return {k: {"min": min(v), "median": statistics.median(v), "max": max(v)} for k, v in sides.items()}


def _finding(kind, found):
    what, training = FINDINGS[kind]
    return {"kind": kind, "what": what, "count": len(found), "examples": found[:_EXAMPLES], "training": training}
