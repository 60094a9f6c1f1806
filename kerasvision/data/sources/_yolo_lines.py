"""What the lines of YOLO's label files mean. The formats that share the files (docs.ultralytics.com/datasets):

| numbers in a line | what |
|---|---|
| 5: class cx cy w h | a box |
| 7, 9, 11 ...: class and x y of three points or more | a polygon; with four corners it may be a box that is turned |
| 5 + k d: class cx cy w h and k keypoints of d = 2 or 3 numbers, x y or x y visible | a box with keypoints |
| 6: a box and a confidence or the number of a track | a prediction, which is no label: refused |

What a line is follows from itself where it can. Where keypoints and polygons have equally many numbers, data.yaml says
`kpt_shape`, or the whole set tells: polygons differ in length, and a set whose lines all hold equally many numbers and
would all be boxes with their keypoints inside is refused unless somebody says what it is.
"""

import collections
import dataclasses
import math
import typing

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources import _corners
from kerasvision.data.sources._files import named

Lines = typing.Literal["auto", "boxes", "polygons", "keypoints", "corners"]
MOST = 1.01  # as in Ultralytics: parts of a side are 0 to 1, and rounding may lead so far beyond
_TIGHT = 0.02  # of a side: so far outside of its box a keypoint may lie
_FIT = 0.9  # part of the long lines that would do as keypoints
_SQUARE = 0.02  # of a turned box's diagonal: so far may it be from a parallelogram
_LOST = 1.02  # hull over the area of the turned box, from which a turn is worth telling


@dataclasses.dataclass(frozen=True)
class Line:
    """One line. number: in its file, from 1. parts: the numbers behind the class."""

    number: int
    label: int
    parts: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Meaning:
    """How the lines of a set are read. certain: nobody doubts them, so polygons may reach beyond their image."""

    lines: str
    certain: bool = False

    def kind(self, line):
        """ "box", "corners", "polygon" or "keypoints"."""
        if len(line.parts) == 4:
            return "corners" if self.lines == "corners" else "box"
        return "keypoints" if self.lines == "keypoints" else "polygon"

    def too_large(self, line):
        """The first number of a line that is no part of a side, or None."""
        parts = line.parts[:4] if self.kind(line) == "keypoints" else line.parts
        return None if self.certain else next((v for v in parts if v > MOST and math.isfinite(v)), None)


def parsed(text_lines, count, where):
    """[`Line`] of [(number, text)]. count: classes. where: begins an error, such as "... a.txt"."""
    return [_line(number, text.split(), count, f"{where}, line {number}") for number, text in text_lines]


def _line(number, words, count, where):
    try:
        label, *parts = (float(word) for word in words)
    except ValueError:
        raise KerasVisionError(f"{where}: {' '.join(words)[:60]!r} is not all numbers") from None
    if len(parts) < 4 or len(parts) == 5:
        hint = "; is the last a confidence or a track? remove it" if len(parts) == 5 else ""
        raise KerasVisionError(
            f"{where}: {len(words)} numbers; allowed: class cx cy w h, or class and x y of three points or more{hint}"
        )
    if not (label.is_integer() and 0 <= label < count):
        raise KerasVisionError(f"{where}: class {words[0]}; allowed: 0 to {count - 1}, the classes that are named")
    return Line(number, int(label), tuple(parts))


def meaning(files, lines, kpt_shape, certain, what):
    """(`Meaning`, findings) of a set. files: {name: [`Line`]}. lines: what the user says. kpt_shape: (k, d) or None.

    certain: what the lines are is known from elsewhere. Raises `KerasVisionError` where they cannot be told.
    """
    long = [(name, line) for name, held in files.items() for line in held if len(line.parts) != 4]
    short = [(name, line) for name, held in files.items() for line in held if len(line.parts) == 4]
    asks = "keypoints" if lines == "auto" and kpt_shape else lines
    found = _check_long(long, asks, kpt_shape, what)
    if lines == "auto" and not kpt_shape and not certain:
        _refuse_keypoints(long, what)
        found += _check_corners(short, what)
    read = Meaning(asks, certain)
    _refuse_pixels(files, read, what)
    return read, found + _minority(long, short, asks)


def _check_long(long, asks, kpt_shape, what):
    """Findings of lines of more than five numbers, by their number alone."""
    wanted = kpt_shape and 4 + math.prod(kpt_shape)
    for name, line in long:
        size, where = len(line.parts), f"{what}: {name}, line {line.number}: {len(line.parts) + 1} numbers"
        if asks in ("boxes", "corners"):
            raise KerasVisionError(f"{where}; lines={asks!r} allows 5")
        if asks == "keypoints" and (size != wanted if wanted else (size - 4) % 2 and (size - 4) % 3):
            allowed = f"5 or {wanted + 1}, as kpt_shape {list(kpt_shape)} in data.yaml says" if wanted else "a box with"
            raise KerasVisionError(f"{where}; allowed: {allowed}" + ("" if wanted else " keypoints of 2 or 3 numbers"))
        if asks != "keypoints" and size % 2:
            seen = _with_flags(line.parts)
            hint = _say(size) if seen else "class cx cy w h, or class and x y of three points or more"
            raise KerasVisionError(f"{where}; {'looks like a box with keypoints: ' if seen else 'allowed: '}{hint}")
    if asks == "keypoints" and long:
        files = dict.fromkeys(name for name, _ in long)
        return [f"keypoints: {len(long)} lines in {len(files)} label files, such as {next(iter(files))}"]
    turned = dict.fromkeys(name for name, line in long if _turn_is_lost(line.parts))
    return [f"oriented: {len(turned)} label files, such as {next(iter(turned))}"] if turned else []


def _say(size):
    three, two = (size - 4) // 3, (size - 4) // 2
    shapes = [f"kpt_shape: [{three}, 3]"] if (size - 4) % 3 == 0 else []
    shapes += [f"kpt_shape: [{two}, 2]"] if size % 2 == 0 else []
    return f"say so in data.yaml with {' or '.join(shapes)}"


def _box(parts):
    cx, cy, w, h = parts[:4]
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def _holds(parts, points):
    """Whether the first four numbers are a box in its image that holds all points."""
    x1, y1, x2, y2 = _box(parts)
    if not (parts[2] > 0 and parts[3] > 0 and min(x1, y1) >= -_TIGHT and max(x2, y2) <= 1 + _TIGHT):
        return False
    return all(x1 - _TIGHT <= x <= x2 + _TIGHT and y1 - _TIGHT <= y <= y2 + _TIGHT for x, y in points)


def _with_flags(parts):
    """Whether a line is a box with keypoints x y visible: each third number is 0, 1 or 2.

    Of fewer than three keypoints a polygon along the borders could have that too, so seen points must lie in the box.
    """
    rest = parts[4:]
    if not rest or len(rest) % 3 or not all(v in (0, 1, 2) for v in rest[2::3]):
        return False
    return len(rest) >= 9 or _holds(
        parts, [(x, y) for x, y, v in zip(rest[::3], rest[1::3], rest[2::3], strict=True) if v]
    )


def _with_points(parts):
    """Whether a line could be a box with keypoints x y; those that are not seen are 0 0."""
    return _holds(parts, [(x, y) for x, y in zip(parts[4::2], parts[5::2], strict=True) if x or y])


def _is_square(parts):
    """Whether four corners are those of a parallelogram, in either order around."""
    if len(parts) != 8:
        return False
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = zip(parts[::2], parts[1::2], strict=True)
    return math.hypot(ax + cx - bx - dx, ay + cy - by - dy) <= _SQUARE * math.hypot(cx - ax, cy - ay)


def _turn_is_lost(parts):
    if not _is_square(parts):
        return False
    xs, ys = parts[::2], parts[1::2]
    area = abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(4))) / 2
    return (max(xs) - min(xs)) * (max(ys) - min(ys)) > _LOST * area > 0


def _refuse_keypoints(long, what):
    flagged = [(name, line) for name, line in long if _with_flags(line.parts)]
    if flagged:
        files = dict.fromkeys(name for name, _ in flagged)
        raise KerasVisionError(
            f"{what}: {len(flagged)} of {len(long)} long lines look like boxes with keypoints (x y visible), in "
            f"{named(files)}; {_say(len(flagged[0][1].parts))}, or lines='polygons' if they are polygons"
        )
    rest = [line.parts for _, line in long if not _is_square(line.parts)]
    size, count = next(iter(collections.Counter(map(len, rest)).most_common(1)), (0, 0))
    fit = sum(len(parts) == size and _with_points(parts) for parts in rest)
    if count >= 3 and fit >= _FIT * len(rest):
        raise KerasVisionError(
            f"{what}: {count} lines of {size + 1} numbers may be polygons of {size // 2} points or boxes with "
            f"{(size - 4) // 2} keypoints, and {fit} would do as either; write kpt_shape: [{(size - 4) // 2}, 2] into "
            "data.yaml, or say lines='polygons'"
        )


def _check_corners(short, what):
    """Findings of lines of five numbers."""
    seen = _corners.doubt((line.parts, _box(line.parts)) for _, line in short)
    if seen == "wrong":
        raise KerasVisionError(
            f"{what}: the {len(short)} lines would be boxes as class x1 y1 x2 y2, and as class cx cy w h many reach "
            "beyond their images; say lines='corners' or lines='boxes'"
        )
    line = f"corners: the {len(short)} lines would be boxes as class x1 y1 x2 y2 too; they are read as class cx cy w h"
    return [line] if seen else []


def _refuse_pixels(files, read, what):
    """Where most lines hold what is no part of a side. Of a few, each is a box that cannot be used."""
    every = [(name, line) for name, held in files.items() for line in held]
    bad = [(name, value) for name, line in every if (value := read.too_large(line)) is not None]
    if 2 * len(bad) > len(every):
        first = dict(reversed(bad))
        listed = named(f"{name} ({first[name]:g})" for name in dict.fromkeys(name for name, _ in bad))
        raise KerasVisionError(
            f"{what}: {len(bad)} of {len(every)} lines hold values above 1, in {len(first)} label files: {listed}; "
            "allowed: parts of the image's sides, 0 to 1. Are they pixels? Divide x by the width and y by the height"
        )


def _minority(long, short, asks):
    """What kind of line is the rarer one, where there are two."""
    if asks == "keypoints" or not long or not short:
        return []
    few, kind, other = (long, "polygons", "boxes") if len(long) <= len(short) else (short, "boxes", "polygons")
    files = dict.fromkeys(name for name, _ in few)
    return [f"mixed: {len(few)} lines are {kind} and {len(long) + len(short) - len(few)} {other}, in {named(files)}"]
