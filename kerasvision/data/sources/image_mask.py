"""Images with a mask each: PNG files of class ids, of colors, or one file a class."""

import concurrent.futures
import dataclasses
import os
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources._files import Entry, Plan, arrange, grouped, named
from kerasvision.data.sources._guess import Reading, rare, reading, smooth
from kerasvision.data.sources._masks import Coding, Fault, read_mask
from kerasvision.data.sources._pairs import holds_masks, is_mask_csv, pairs_of
from kerasvision.data.sources._sizes import OTHER, measured, refuse_other, said_of
from kerasvision.data.sources._volumes import is_volume_csv
from kerasvision.data.sources.base import Opened, Pictures, Split
from kerasvision.data.text import read_class_names
from kerasvision.ops.dense import IGNORE

BACKGROUND = "background"
_LARGEST = 2**16 - 1  # of a mask's values


@sources.register("image_mask")
@dataclasses.dataclass(frozen=True)
class ImageMask(Pictures):
    """Samples: `image_bytes`, `mask` uint8 [H, W] of class ids, 255 where no class is to be learned, and `path`.

    path: a folder with images/ and masks/ (or image, imgs, img; mask, labels, annotations), paired by the names of
    their files; both may hold folders train, val and test, or lie in such folders. Or a CSV with the columns file and
    mask (relative to it), and where wanted split and group, as in `manifest`. Every image has a mask, and the reverse.

    Masks are PNGs. Gray of 1 to 16 bits and palettes hold values: a value is the id of its class, or values[i] is that
    of class i. colors: one (r, g, b) a class; every mask is then read by what it shows. ignore, with colors
    ignore_colors: what means 255; None is (255,), and nothing where `values` names 255, or where masks hold 0 and 255:
    255 is then class 1, which is said; `_guess.py` has what is read where some files say otherwise. A value or color
    that means nothing is an error. One file a class: masks/CLASS/NAME.png is class CLASS where it is not 0, and the
    background where no file is; a class that an image has not needs no file. Where two classes overlap, the one later
    in `classes` is on top; where `classes` gives no order, that is an error.

    classes: the names of all ids, "background" first where there is one; empty takes the lines of classes.txt in the
    folder, else the folders of one file a class in order, else background and foreground of masks of 0 and 255, else
    class_0, class_1 and so on, up to the largest value seen; a value between that no mask holds is then an error.
    A split without any image is cut out of training, stratified by each image's rarest class; validation_fraction,
    test_fraction, seed and skip_unreadable are as in `image_folder`. All masks are read when the source is opened, and
    held in memory compressed.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("mask",)
    suffixes: typing.ClassVar[tuple[str, ...]] = (".csv",)
    opens: typing.ClassVar[str] = "a folder with images/ and masks/ or a .csv of both"

    path: str
    classes: tuple[str, ...] = ()
    values: tuple[int, ...] = ()
    colors: tuple[tuple[int, int, int], ...] = ()
    ignore: tuple[int, ...] | None = None
    ignore_colors: tuple[tuple[int, int, int], ...] = ()
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        if path.is_file():
            return is_mask_csv(path) and not is_volume_csv(path)
        return holds_masks(path) is not None

    def open(self):
        what = f"image_mask {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        self._check(what)
        paired = pairs_of(self.path, what)
        given = self.classes or _listed(paired, what)
        names = self._names(paired, given, what)
        coding = self._coding(paired, bool(given), what)
        masks, dropped = self._read(paired, names, coding, what)
        pairs = {p.image: p for p in paired.pairs if p.image in masks}
        seen = {p.mask_name: masks[i].pixels for i, p in pairs.items()}
        guess = reading(seen, names, what) if self._is_open(paired) else Reading(False)
        classes = names or _unnamed(seen, guess.is_white, what)
        _check_ids(pairs, masks, classes, what)
        table = _binary_table() if guess.is_white else None
        entries = [Entry(i, p.name, _labels(masks[i], guess.is_white), p.split, p.group) for i, p in pairs.items()]
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, several=True)
        by_split, lines = arrange(entries, classes, plan)
        said = [*guess.lines, *(() if names or guess.is_white else rare(seen)), *_soft(pairs, masks)]
        dropped = (*dropped, *lines, *said, *paired.lines)
        opened = {n: grouped(_split([e.path for e in held], masks, table), held) for n, held in by_split.items()}
        return self.as_labeled(Opened(tuple(classes), opened, dropped))

    def _check(self, what):
        """The fields fit together."""
        ids = {"values": self.values, "colors": self.colors}
        if self.values and self.colors:
            raise UsageError(f"{what}: values and colors; allowed: one of them, as masks hold one or the other")
        if self.colors and self.ignore is not None:
            raise UsageError(f"{what}: ignore={self.ignore} with colors; say which with ignore_colors")
        if self.ignore_colors and not self.colors:
            raise UsageError(f"{what}: ignore_colors without colors; allowed: ignore, which names values")
        twice = [n for n, held in (ids | {"classes": self.classes}).items() if len(set(held)) < len(held)]
        if twice:
            raise UsageError(f"{what}: {twice[0]}: one stands there twice; each class has its own")
        both = (set(self.values) & set(self.ignore or ())) | (set(self.colors) & set(self.ignore_colors))
        if both:
            raise UsageError(f"{what}: {min(both)} is a class and ignored; allowed: one of them")
        for name, most, held in (
            ("values", _LARGEST, self.values),
            ("ignore", _LARGEST, self.ignore or ()),
            ("colors", 255, [v for color in self.colors for v in color]),
            ("ignore_colors", 255, [v for color in self.ignore_colors for v in color]),
        ):
            if any(not 0 <= v <= most for v in held):
                raise UsageError(f"{what}: {name}={getattr(self, name)}; allowed: 0 to {most}")

    def _names(self, paired, names, what):
        """Names of all ids, the background's too; () where only the masks' values can tell. names: those given."""
        if paired.covers:
            covers = tuple(c for c in paired.covers if c != BACKGROUND)
            names = names or covers
            names = names if names[:1] == (BACKGROUND,) else (BACKGROUND, *names)
            strange = [c for c in covers if c not in names]
            if strange:
                raise KerasVisionError(f"{what}: folders of masks that are none of the classes: {named(strange)}")
        given = self.values or self.colors
        names = names or tuple(f"class_{i}" for i in range(len(given)))
        if given and len(given) != len(names):
            field = "values" if self.values else "colors"
            raise UsageError(f"{what}: {len(given)} {field} for {len(names)} classes ({named(names)}); give one each")
        if len(set(names)) < len(names):
            raise KerasVisionError(f"{what}: a class stands twice in {named(names)}; keep one of each")
        if names and not 2 <= len(names) <= IGNORE:
            hint = "; name the background too, as the first" if len(names) == 1 else ""
            raise KerasVisionError(f"{what}: {len(names)} classes; allowed: 2 to {IGNORE}{hint}")
        return names

    def _coding(self, paired, ordered, what):
        if not paired.covers:
            ignore = self.ignore_colors if self.colors else (IGNORE,) if self.ignore is None else self.ignore
            return Coding(self.values, self.colors, ignore)
        for field in ("values", "colors", "ignore", "ignore_colors"):
            if getattr(self, field):
                raise UsageError(f"{what}: {field} with one file a class, where all but 0 is the class; leave it out")
        return Coding(ordered=ordered)

    def _is_open(self, paired):
        """Whether nobody has said what 255 means."""
        return self.ignore is None and not (self.values or self.colors or paired.covers)

    def _read(self, paired, names, coding, what):
        """({image's path: Mask}, one line for each that was left out)."""
        pairs = paired.pairs
        sized = measured([p.image for p in pairs])
        hw = {path: size and size.hw(self.orientation) for path, size in sized.items()}
        coding = dataclasses.replace(coding, is_upright=self.orientation == "upright")
        number = {name: i for i, name in enumerate(names) if i}
        if coding.colors:
            coding.table  # noqa: B018  made once, before there are threads

        def read(pair, hw=hw):
            files = pair.mask
            if isinstance(files, dict):  # the background's own file says nothing that the others do not
                files = {number.get(name, 0): path for name, path in files.items()}
            return read_mask(files, hw[pair.image], coding)

        with concurrent.futures.ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
            found = list(zip(pairs, pool.map(read, pairs), strict=True))
        faults = [(p, m) for p, m in found if isinstance(m, Fault)]
        bad = [f"{p.mask_name} ({m.reason})" for p, m in faults if m.kind == "unreadable"]
        if len(bad) == len(pairs) or bad and not self.skip_unreadable:
            raise KerasVisionError(
                f"{what}: {len(bad)} of {len(pairs)} masks cannot be read: {named(bad)}; mend or remove them, or leave "
                "them out with skip_unreadable=True (--skip-unreadable)"
            )
        self._refuse_turned([p for p, m in faults if m.kind == "size"], sized, read, what)
        _refuse(faults, what)
        masks = {p.image: m for p, m in found if not isinstance(m, Fault)}
        turned = said_of([(sized[i], True) for i in masks if sized[i]], self.orientation)
        return masks, [f"unreadable: {line}" for line in bad] + turned

    def _refuse_turned(self, pairs, sized, read, what):
        """pairs: whose masks are not of the image's size."""
        other = {p.image: sized[p.image].hw(OTHER[self.orientation]) for p in pairs}
        turned = [p.name for p in pairs if sized[p.image].tells and not isinstance(read(p, other), Fault)]
        refuse_other(what, turned, self.orientation)


def _refuse(faults, what):
    sized = [f"{p.name} and {p.mask_name} ({m.reason})" for p, m in faults if m.kind == "size"]
    if sized:
        raise KerasVisionError(f"{what}: {len(sized)} masks are not of their image's size: {named(sized)}; mend them")
    valued = [f"{p.mask_name} ({m.reason})" for p, m in faults if m.kind == "value"]
    if valued:
        _refuse_values(valued, what)


def _refuse_values(lines, what):
    raise KerasVisionError(
        f"{what}: {len(lines)} masks hold what is no class: {named(lines)}; mend them, or say what it means: "
        "classes, values or colors, and ignore or ignore_colors"
    )


def _listed(paired, what):
    """The lines of classes.txt; () when there is none."""
    file = next((p / "classes.txt" for p in paired.places if (p / "classes.txt").is_file()), None)
    return read_class_names(file, f"{what}: {file.name}") if file else ()


def _unnamed(held, is_white, what):
    """Names by the values of all masks. held: {name: {value: pixels}}."""
    if is_white:
        return (BACKGROUND, "foreground")
    seen = sorted({i for pixels in held.values() for i in pixels} - {IGNORE})
    if seen != list(range(len(seen))):
        listed, hint = named(map(str, seen), 8), smooth(held)
        given = f"values=({', '.join(map(str, seen))})" if len(seen) < 9 else "values"
        raise KerasVisionError(
            f"{what}: the masks hold the values {listed}, which are not 0, 1, 2, ...{hint}; name the classes with "
            f"classes or classes.txt, or say with {given} which value is which class"
        )
    if len(seen) < 2:
        only = f"the value {seen[0]} only" if seen else "nothing but what is ignored"
        raise KerasVisionError(f"{what}: the masks hold {only}; a segmenter needs two classes or more")
    return tuple(f"class_{i}" for i in seen)


def _soft(pairs, masks):
    """A line, in a list, about files of one class that hold more than black and white."""
    names = [pairs[i].mask_name for i in pairs if masks[i].is_soft]
    return [f"soft: {named(names)}"] if names else []


def _check_ids(pairs, masks, classes, what):
    """No id beyond the classes; only a value that is its own class can be one."""
    beyond = {i: [v for v in masks[i].ids if len(classes) <= v < IGNORE] for i in pairs}
    lines = [f"{pairs[i].mask_name} (value {named(map(str, held))})" for i, held in beyond.items() if held]
    if lines:
        _refuse_values(lines, f"{what}: {len(classes)} classes ({named(classes)})")


def _labels(mask, is_binary):
    ids = {min(i, 1) for i in mask.ids} if is_binary else set(mask.ids) - {IGNORE}
    return tuple(sorted(ids))


def _binary_table():
    """uint8 [256]: 255 -> 1."""
    return np.minimum(np.arange(256), 1).astype(np.uint8)


def _split(images, masks, table):
    """Records are a path, a size and a number: the masks stay in one place, however many records are shuffled."""
    held = [masks[image] for image in images]
    data = tf.constant([m.data for m in held])
    records = {"path": images, "mask_hw": np.array([m.hw for m in held], np.int32), "number": np.arange(len(held))}

    def read(record):
        raw = tf.io.decode_compressed(tf.gather(data, record["number"]), "ZLIB")
        mask = tf.reshape(tf.io.decode_raw(raw, tf.uint8), record["mask_hw"])
        mask = mask if table is None else tf.gather(table, tf.cast(mask, tf.int32))
        path = record["path"]
        return {"image_bytes": tf.io.read_file(path), "mask": tf.ensure_shape(mask, [None, None]), "path": path}

    return Split(tf.data.Dataset.from_tensor_slices(records), read, len(held))
