"""A look at a data source before training: what it holds, and what training will do with everything odd in it."""

import collections
import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import statistics
import sys

import numpy as np
import tensorflow as tf

from kerasvision.core.component import hints, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import line_of
from kerasvision.data import class_names, readable
from kerasvision.data.inspect import duplicates, facts, findings, objects, texts
from kerasvision.data.pipeline import thinned
from kerasvision.ops.dense import IGNORE

_TRAITS = ("exif_orientation", "exif_taken_away", "grayscale", "alpha", "color_key", "gif_transparency", "cmyk")
_TRAITS += ("sixteen_bit", "dark_sixteen_bit", "animated")
_EXAMPLES = 5  # members of a group, that are named
MOST_BEFORE_TRAINING = 2_000  # images
_TOLD = set()  # sources of which `tell_of` has told


@dataclasses.dataclass(frozen=True)
class Seen:
    """One image of the source. labels: class indices. boxes_xyxy: of its objects, None where there are none to know.

    pixels: how many of its mask's have each value 0..255; None without a mask. ground_truth: of all its labels, equal
    for equal ones.
    """

    name: str
    split: str
    labels: tuple[int, ...]
    facts: facts.Facts
    boxes_xyxy: np.ndarray | None = None
    pixels: tuple[int, ...] | None = None
    ground_truth: bytes = b""


def check(source, progress=lambda task, done, total: None):
    """The JSON of a data source's report; the source's own errors pass through.

    Unreadable files and bad boxes are reported, not refused. progress: called with "images" or "near duplicates", and
    how many of how many are done. Returns {"source", "classes", "splits": {name: {"size", "classes": {class: count}}},
    "image_size": {"height" and "width": {"min", "median", "max"}}, "formats": {name: count}, "looked_at": {"images",
    "of", "labels": {name: count}, "checks"}, "findings": [{"kind", "what", "count", "examples", "training",
    "left_out"}]}; for a source of boxes "objects" (`data/inspect/objects.py`); for one of masks, whose classes are
    counted in images that show them, "pixels" {split: {"classes": {class: count}, "ignored": count}}. Of texts as
    `data/inspect/texts.py` says.
    """
    lenient = {k: True for k in ("skip_unreadable", "skip_bad_boxes") if k in hints(type(source))}
    opened = dataclasses.replace(source, **lenient).open()
    _refuse_others(opened)
    if "text" in next(iter(opened.splits.values())).read_spec:
        return texts.examined(source, opened)
    return examined(source, opened, progress)


def tell_of(source, opened):
    """`said_before_training` to stderr, once in a process: a study trains on one source many times."""
    key = (repr(source), opened.classes, opened.dropped, tuple((n, s.size) for n, s in opened.splits.items()))
    if key not in _TOLD:
        for line in said_before_training(source, opened):
            print(line_of(line), file=sys.stderr)
        _TOLD.add(key)


def said_before_training(source, opened):
    """What `check` says of a source that was opened for training, line by line; of many images, of a part of them.

    A file that training will not be able to decode is a `KerasVisionError`. Of what is no image, such as volumes, only
    what opening the source found.
    """
    if not _shows_pictures(next(iter(opened.splits.values())).read_spec):
        held = findings.of_lines(opened.dropped)
        rows = [findings.finding(kind, found, source) for kind, found in held.items() if found]
        return [line for row in rows for line in findings.spelled(row)]
    report = examined(source, opened, most=MOST_BEFORE_TRAINING)
    bad = next((f for f in report["findings"] if f["kind"] == "unreadable" and not f["left_out"]), None)
    if bad:
        raise KerasVisionError(
            f"{bad['count']} files of the data cannot be decoded: {', '.join(bad['examples'])}; mend or remove them"
        )
    return list(findings.told(report))


def examined(source, opened, progress=lambda task, done, total: None, most=None):
    """As `check`, of an opened source. most: images that are looked at, evenly from each split; None: all."""
    base = pathlib.Path(getattr(source, "path", "")).expanduser()
    whole = sum(split.size for split in opened.splits.values())
    looked = opened
    if most is not None and whole > most:
        parts = {n: thinned(s, max(1, most * s.size // whole)) for n, s in opened.splits.items()}
        looked = dataclasses.replace(opened, splits=parts)
    is_stored = getattr(source, "orientation", "") == "stored"
    seen = _look(looked, base if base.is_dir() else base.parent, is_stored, progress)
    read = [s for s in seen if s.facts.problem is None]
    found = findings.of_lines(opened.dropped)
    found["unreadable"] += [f"{s.name} ({s.facts.problem})" for s in seen if s.facts.problem]
    if "characters" not in next(iter(opened.splits.values())).read_spec:  # of an alphabet much looks alike
        found["names"] += class_names.oddities(opened.classes)
    for trait in _TRAITS:
        found[trait] += [s.name for s in read if trait in s.facts.traits]
    _find_exact(seen, found)
    _find_near(read, found, progress)
    for kind, lines in (objects.oddities(read, opened.classes) | _unlabeled(looked, seen)).items():
        found[kind] += lines
    return {
        "source": to_json(source),
        "classes": list(opened.classes),
        "splits": _splits(opened, seen),
        "image_size": _sizes(read),
        "formats": dict(sorted(collections.Counter(s.facts.format for s in read).items())),
        "looked_at": _looked_at(looked, seen, whole),
        "findings": [findings.finding(kind, lines, source) for kind, lines in found.items() if lines],
        **objects.report(read, opened.classes),
        **_pixels(seen, opened),
    }


def _looked_at(opened, seen, whole):
    keys = set(next(iter(opened.splits.values())).read_spec)
    named = {"boxes_xyxy": "boxes", "mask": "masks", "targets": "numbers", "characters": "characters"}
    named |= {"quads_xy": "quads"}
    name = next((name for key, name in named.items() if key in keys), "labels")
    count = len(seen) if name in ("masks", "numbers") else sum(len(s.labels) for s in seen)
    return {"images": len(seen), "of": whole, "labels": {name: count}, "checks": list(findings.checks(keys))}


def _unlabeled(opened, seen):
    """Kind -> lines about splits and classes without a label, where the source itself has said nothing of them."""
    found = {"empty": [], "unseen": []}
    told = any(line.startswith("empty: ") for line in opened.dropped)
    for name, split in opened.splits.items():
        keys = set(split.read_spec)
        held = {label for s in seen if s.split == name for label in s.labels}
        if not held and keys & {"labels", "mask", "boxes_xyxy", "quads_xy"} and not told:
            found["empty"].append(f"{name} ({split.size} images)")
        elif held and not keys & {"boxes_xyxy", "characters"}:  # sources of lines have counted all of them
            found["unseen"] += [f"{name}: {c}" for i, c in enumerate(opened.classes) if i not in held]
    return found


def _refuse_others(opened):
    splits, keys = opened.splits.items(), next(iter(opened.splits.values())).read_spec
    looked = {"volume": "volumes has checked their headers, grids", "audio": "sounds has checked their lengths, rates"}
    if seen := next((words for key, words in looked.items() if key in keys), None):
        held = ", ".join(f"{split.size} {name}" for name, split in splits)
        wrong = f"; left out: {'; '.join(opened.dropped)}" if opened.dropped else ", and nothing was left out"
        raise UsageError(
            f"`data check` looks at images. Opening these {seen} and labels: {held}; "
            f"classes {', '.join(opened.classes)}{wrong}"
        )


def _look(opened, base, is_stored, progress):
    """Every image of every split, looked at by a few threads."""
    total = sum(split.size * len(pictures_of(split.read_spec)) for split in opened.splits.values())
    threads = min(16, 2 * (os.cpu_count() or 1))
    seen = []
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for name, split in opened.splits.items():
            samples = split.records.map(split.read, tf.data.AUTOTUNE).prefetch(64).as_numpy_iterator()
            waiting = collections.deque()
            pictures = ((i, *p) for i, sample in enumerate(samples) for p in pictures_of(sample))
            for index, key, sample in pictures:
                waiting.append(pool.submit(_see, sample, name, f"{index}{key}", base, is_stored))
                if len(waiting) >= 4 * threads:  # bounded: only so many images are held in memory
                    seen.append(waiting.popleft().result())
                    progress("images", len(seen), total)
            seen += [future.result() for future in waiting]
            progress("images", len(seen), total)
    return seen


def pictures_of(sample):
    """[(key after a slash, sample of one picture)]: the sample itself under "", or each sample within it, with the
    labels that they have in common.
    """
    within = {k: v for k, v in sample.items() if isinstance(v, dict)}
    common = {k: v for k, v in sample.items() if k not in within}
    return [(f"/{k}", common | v) for k, v in within.items()] or [("", sample)]


def _shows_pictures(spec):
    return all({"image", "image_bytes"} & set(held) for _, held in pictures_of(spec))


def _see(sample, split, index, base, is_stored):
    name = os.path.relpath(sample["path"].decode(), base) if "path" in sample else f"{split}[{index}]"
    pixels = np.bincount(sample["mask"].ravel(), minlength=IGNORE + 1).tolist() if "mask" in sample else None
    if several := [sample[key] for key in ("labels", "characters") if key in sample]:
        labels = several[0].tolist()
    elif "label" in sample:
        labels = [int(sample["label"])]
    elif "quads_xy" in sample:  # all of one class
        labels = [0] * len(sample["quads_xy"])
    elif pixels is None:  # numbers have no classes
        labels = []
    else:
        labels = [i for i, count in enumerate(pixels[:IGNORE]) if count]
    held = facts.of_bytes(sample["image_bytes"]) if "image_bytes" in sample else facts.of_array(sample["image"])
    if is_stored and "path" in sample and readable.orientation(pathlib.Path(sample["path"].decode()).read_bytes()) > 1:
        held = dataclasses.replace(held, traits=held.traits | {"exif_taken_away"})
    boxes = sample.get("boxes_xyxy")
    return Seen(name, split, tuple(labels), held, boxes, pixels and tuple(pixels), _ground_truth(sample))


def _ground_truth(sample):
    """A digest of a sample's labels; the order of its objects does not count."""
    digest = hashlib.sha256()
    for key in ("label", "targets", "mask", "characters"):
        if key in sample:
            digest.update(np.asarray(sample[key]).tobytes())
    if "quads_xy" in sample:
        digest.update(repr(sorted(sample["quads_xy"].reshape(-1, 8).tolist())).encode())
    if "labels" in sample:
        rows = [np.asarray(sample["labels"], np.float64)[:, None]]
        rows += [np.asarray(sample["boxes_xyxy"], np.float64)] if "boxes_xyxy" in sample else []
        digest.update(repr(sorted(np.concatenate(rows, 1).tolist())).encode())
    return digest.digest()


def _find_exact(seen, found):
    """Groups of equal bytes, by the worst that can be said of each."""
    for group in duplicates.exact([s.facts.digest for s in seen]):
        members = [seen[i] for i in group]
        line = _joined(members, " = ")
        if len({m.ground_truth for m in members}) > 1:
            found["contradiction"].append(line)
        found["leak" if len({m.split for m in members}) > 1 else "exact_duplicates"].append(line)


def _joined(members, sign):
    more = f" and {len(members) - _EXAMPLES} more" if len(members) > _EXAMPLES else ""
    return sign.join(m.name for m in members[:_EXAMPLES]) + more


def _find_near(read, found, progress):
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
            found[kind].append(_joined(members, " ~ "))


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
