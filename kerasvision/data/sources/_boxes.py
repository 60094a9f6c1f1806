"""What the sources of labeled boxes share: the labels on the host, what is checked of them, and how they are opened.

Boxes are (x1, y1, x2, y2) in pixels of the image as it is shown (as it is stored, where the source's `orientation` says
so), measured from its outer corner as in `ops/resample.py`: a box around the pixels of columns a..b reaches from a to
b + 1. Each source converts its own convention where it reads.

Bad input, the same in every source:

| what | what happens |
|---|---|
| an image without objects | is an image: N = 0 |
| a box that reaches beyond its image | is clipped; said where it is more than half a pixel |
| a box that is reversed, without area, outside its image, or not finite | refused, or left out with `skip_bad_boxes` |
| two equal boxes of one class in one image | count once, which is said |
| an image that stands there twice, an image that is missing, a class that is not listed | refused |
| a file of another size than the labels say | refused: the boxes would not fit |
| more objects than `max_objects` | refused, with the number that would do. Nothing is ever cut off in silence |
"""

import abc
import collections
import dataclasses
import math
import typing

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data import splits
from kerasvision.data.sources._files import Entry, Plan, arrange, named
from kerasvision.data.sources._records import split_of
from kerasvision.data.sources._sizes import OTHER, measured, refuse_other, said_of
from kerasvision.data.sources._things import Thing
from kerasvision.data.sources.base import Opened, Pictures
from kerasvision.data.text import check_class_names

ALWAYS = ("boxes_xyxy", "labels", "is_crowd", "area_px")  # what every sample says of its objects
OFTEN = ("is_difficult", "is_truncated", "occlusion")  # and what it does where it is known of all of them
_ROUNDING_PX = 0.5  # a box may reach this far beyond its image without a word


@dataclasses.dataclass(frozen=True)
class Picture:
    """One image with its objects. name: as the user knows it. image_hw: as the labels say, checked with the file; None
    for what they do not say.

    split: None when the user named none. illumination: change of the exposure, in EV. unlabeled: no label file.
    """

    path: str
    name: str
    things: tuple[Thing, ...]
    split: str | None = None
    image_hw: tuple[int | None, int | None] | None = None
    image_id: int | None = None
    illumination: float | None = None
    unlabeled: bool = False


@dataclasses.dataclass(frozen=True)
class Arranged:
    """Checked labels: class names, pictures by split, and what was left out, one line each."""

    classes: tuple[str, ...]
    splits: dict[str, list[Picture]]
    dropped: tuple[str, ...]


class BoxSource(Pictures):
    """Abstract. Final subclasses are frozen dataclasses that have these fields."""

    labels: typing.ClassVar[tuple[str, ...]] = (*ALWAYS, "instance_masks", *OFTEN, "illumination")
    states_size: typing.ClassVar[bool] = True  # whether labels say how large their image is

    path: str
    masks: bool
    max_objects: int
    skip_bad_boxes: bool
    validation_fraction: float
    test_fraction: float
    seed: int
    skip_unreadable: bool

    @abc.abstractmethod
    def read(self):
        """(class names, pictures, findings) as the files say, unchecked; what cannot be understood is one clear error.

        findings: one line each, which begins with its kind: what `data check` and training say of the whole set.
        """

    def open(self):
        arranged = self.arranged()
        every = [p for held in arranged.splits.values() for p in held]
        keys = extra_keys(every)
        what = f"{self._what()}: "
        opened = {name: split_of(held, keys, self.masks, what) for name, held in arranged.splits.items()}
        return self.as_labeled(Opened(arranged.classes, opened, arranged.dropped))

    def arranged(self):
        """The checked labels on the host, by split: what `open` reads from and `data/inspect/convert.py` writes."""
        what = self._what()
        if self.max_objects < 0:
            raise UsageError(f"{what}: max_objects={self.max_objects}; allowed: 1 or more, or 0 for any number")
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        classes, pictures, said = self.read()
        _check_names(what, classes, pictures)
        by_path = {p.path: p for p in numbered(pictures)}
        entries = [Entry(p.path, p.name, tuple(sorted({t.label for t in p.things})), p.split) for p in pictures]
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, several=True)
        by_split, dropped = arrange(entries, classes, plan)
        kept = {name: [by_path[e.path] for e in held] for name, held in by_split.items()}
        kept, lines = self._checked(kept, what)
        return Arranged(tuple(classes), kept, (*dropped, *said, *lines, *_without(kept)))

    def _what(self):
        return f"{self.registered_name.split('/')[-1]} {self.path!r}"

    def _checked(self, by_split, what):
        """(pictures by split with sizes and clean boxes, lines about what was left out)."""
        pictures = [p for held in by_split.values() for p in held]
        sized = measured([p.path for p in pictures])
        states = [(sized[p.path], self.states_size and p.image_hw is not None) for p in pictures]
        self._refuse_turned(pictures, sized, what)
        found = collections.defaultdict(list)
        hw = {path: size.hw(self.orientation) for path, size in sized.items()}
        by_split = {n: [_clean(p, hw[p.path], found) for p in held] for n, held in by_split.items()}
        if found["size"]:
            count = f"{len(found['size'])} images of another size than their labels say, whose boxes would not fit"
            raise KerasVisionError(f"{what}: {count}: {named(found['size'])}; mend the labels")
        if found["boxes"] and not self.skip_bad_boxes:
            raise KerasVisionError(
                f"{what}: {len(found['boxes'])} images with boxes that cannot be used: {named(found['boxes'])}; mend "
                "them, or leave these boxes out with skip_bad_boxes=True"
            )
        self._check_count([p for held in by_split.values() for p in held], what)
        kinds = ("boxes", "margins", "repeated", "unlabeled")
        lines = [f"{kind}: {line}" for kind in kinds for line in found[kind]]
        return by_split, lines + said_of(states, self.orientation)

    def _refuse_turned(self, pictures, sized, what):
        other = OTHER[self.orientation]
        stated = [(p, sized[p.path]) for p in pictures if p.image_hw and sized[p.path].tells]
        refuse_other(what, [p.name for p, size in stated if tuple(p.image_hw) == size.hw(other)], self.orientation)

    def _check_count(self, pictures, what):
        largest = max(pictures, key=lambda p: len(p.things))
        if self.max_objects and len(largest.things) > self.max_objects:
            over = sum(len(p.things) > self.max_objects for p in pictures)
            raise KerasVisionError(
                f"{what}: {over} images have more than max_objects={self.max_objects} objects, {largest.name} has "
                f"{len(largest.things)}; set max_objects={len(largest.things)}, or 0 for any number"
            )


def _without(by_split):
    """Lines about splits without any object."""
    empty = [name for name, held in by_split.items() if not any(p.things for p in held)]
    return [f"empty: {name}, {len(by_split[name])} images without an object" for name in empty]


def _check_names(what, classes, pictures):
    if not pictures:
        raise KerasVisionError(f"{what}: no images")
    check_class_names(classes, what)
    paths = collections.Counter(p.path for p in pictures)
    twice = [p.name for p in {p.path: p for p in pictures}.values() if paths[p.path] > 1]
    if twice:
        raise KerasVisionError(f"{what}: {len(twice)} images stand there twice: {named(twice)}; keep one entry a file")


def numbered(pictures):
    """Pictures that all have an `image_id`, given or counted on from the largest one."""
    following = max((p.image_id for p in pictures if p.image_id is not None), default=-1) + 1
    done = []
    for picture in pictures:
        if picture.image_id is None:
            picture, following = dataclasses.replace(picture, image_id=following), following + 1
        done.append(picture)
    return done


def _clean(picture, image_hw, found):
    """The picture with boxes inside of it. found: kind -> lines, added to."""
    said = [s or real for s, real in zip(picture.image_hw or image_hw, image_hw, strict=True)]
    if said != list(image_hw):
        (h, w), (said_h, said_w) = image_hw, said
        found["size"].append(f"{picture.name} has {w} x {h} pixels and its labels say {said_w} x {said_h}")
    kept, bad, beyond, repeated = {}, [], [], []
    for number, thing in enumerate(picture.things, 1):
        reason = thing.odd or problem(thing.box_xyxy, image_hw)
        if reason:
            bad.append(f"box {number} {reason}")
            continue
        box = clipped(thing.box_xyxy, image_hw)
        beyond.append(max(abs(a - b) for a, b in zip(box, thing.box_xyxy, strict=True)))
        if (thing.label, box) in kept:
            repeated.append(f"box {number}")
        kept.setdefault((thing.label, box), dataclasses.replace(thing, box_xyxy=box))
    over = [v for v in beyond if v > _ROUNDING_PX]
    if bad:
        found["boxes"].append(f"{picture.name} ({named(bad)})")
    if over:
        found["margins"].append(f"{picture.name} ({len(over)} boxes, by up to {max(over):.1f} px)")
    if repeated:
        found["repeated"].append(f"{picture.name} ({named(repeated)})")
    if picture.unlabeled:
        found["unlabeled"].append(picture.name)
    return dataclasses.replace(picture, things=tuple(kept.values()), image_hw=tuple(image_hw))


def problem(box_xyxy, image_hw):
    """Why a box cannot be used, or None."""
    x1, y1, x2, y2 = box_xyxy
    if not all(map(math.isfinite, box_xyxy)):
        return "is not finite"
    if x2 < x1 or y2 < y1:
        return "is reversed"
    if x1 >= image_hw[1] or y1 >= image_hw[0] or x2 <= 0 or y2 <= 0:
        return "lies outside the image"
    return "has no area" if x1 == x2 or y1 == y2 else None


def clipped(box_xyxy, image_hw):
    """The part of a box inside an image."""
    limits = (image_hw[1], image_hw[0]) * 2
    return tuple(min(max(float(v), 0.0), float(most)) for v, most in zip(box_xyxy, limits, strict=True))


def extra_keys(pictures):
    """Keys that a sample has beside those it always has: known of every object, or of every picture."""
    things = [t for p in pictures for t in p.things]
    found = [n for n in OFTEN if things and all(getattr(t, n) is not None for t in things)]
    return (*found, *(["illumination"] if all(p.illumination is not None for p in pictures) else []))
