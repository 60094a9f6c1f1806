"""What 255 means in masks when nobody has said so: white for the foreground, or "not to be learned".

Both are common, and one odd file must not turn over what is read of all others; so each file is evidence by itself:

| a mask holds | it speaks for |
|---|---|
| 0 and 255, or 255 alone | 255 as foreground ("white") |
| ids of 1 to 254, no 255 | ids ("plain") |
| both, ids in fewer than 1 % as many pixels as 255 | neither: ids are stray pixels ("stray") |
| both, else | ids, with 255 as what is ignored ("firm") |

| masks | read as |
|---|---|
| white ones only | 255 is class 1; with three or more classes named: refused |
| more white ones than plain ones, no firm one, no id above 1 | 1 and 255 are class 1, and the files with 1 are named |
| firm ones, or plain and stray ones, and no white one | ids, 255 is ignored, which is said |
| no more white ones than firm ones | ids, 255 is ignored, and the white ones are named |
| anything else, such as a white one among plain ones | refused: the fewer are named |
"""

import dataclasses

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources._files import named
from kerasvision.ops.dense import IGNORE

STRAY = 0.01  # of a mask's pixels that are 255: fewer ids are an accident
_SOON = 5  # masks, from which on a value that only one of them holds is told
_SMOOTH_VALUES, _SMOOTH_PART = 8, 0.8
_SAY = "say ignore=(255,) where 255 is not to be learned, or values where it is a class"


@dataclasses.dataclass(frozen=True)
class Reading:
    """is_white: 255 (and 1) is class 1. lines: the guess in words, as `Opened.dropped` has them."""

    is_white: bool
    lines: tuple[str, ...] = ()


def reading(masks, classes, what):
    """`Reading` of masks {name: {value: pixels}}; what could be meant in two ways is a `KerasVisionError`.

    classes: the names that were given, () for none.
    """
    held = {name: set(pixels) - {0} for name, pixels in masks.items()}
    bright = [n for n, values in held.items() if IGNORE in values]
    if not bright:
        return Reading(False)
    white = [n for n in bright if held[n] == {IGNORE}]
    plain = [n for n, values in held.items() if values and IGNORE not in values]
    stray = [n for n in bright if n not in set(white) and _is_stray(masks[n])]
    firm = [n for n in bright if n not in {*white, *stray}]
    ids = {v for values in held.values() for v in values} - {IGNORE}
    if white and not firm and len(white) > len(plain) and ids <= {1}:
        return _white(masks, white, [*plain, *stray], classes, what)
    if firm and len(white) <= len(firm) or not white and plain:
        only = f"; in {_count(white)} it is all there is beside 0: {named(white)}" if white else ""
        where = f" ({named(bright)})" if 2 * len(bright) < len(masks) else ""
        return Reading(False, (f"ignored: 255, in {len(bright)} of {len(masks)} masks{where}{only}; {_SAY}",))
    raise KerasVisionError(f"{what}: {_conflict(white, [*plain, *stray, *firm], masks, ids)}: mend them, or {_SAY}")


def _white(masks, white, others, classes, what):
    if len(classes) > 2:
        raise KerasVisionError(
            f"{what}: {len(classes)} classes ({named(classes)}), and masks hold 0 and 255 only: 255 would be ignored, "
            f"and nothing be learned but {classes[0]!r}; name two classes, or {_SAY}"
        )
    if not any(0 in pixels for pixels in masks.values()):
        raise KerasVisionError(f"{what}: the masks hold nothing but 255; {_SAY}")
    back, front = classes or ("background", "foreground")
    line = f"binary: masks of 0 and 255, read as {back!r} and {front!r}, in {len(white)} of {len(masks)} files"
    if others:
        has = "has" if len(others) == 1 else "have"
        line += f"; {_count(others)} {has} 1, read as {front!r}: {named(others)}"
    return Reading(True, (f"{line}; ignore=(255,) says otherwise",))


def _conflict(white, others, masks, ids):
    if not white:
        return f"in {_count(others)} 255 stands beside a few pixels of {named(map(str, sorted(ids)))}, {named(others)}"
    listed = named(map(str, sorted(ids)), 8)
    seen = f"{len(white)} of {len(masks)} masks hold 0 and 255 only, and {len(others)} hold {listed}"
    fewer = white if len(white) <= len(others) else others
    return f"{seen}; the fewer are {named(fewer)}"


def _is_stray(pixels):
    return sum(n for v, n in pixels.items() if 0 < v < IGNORE) < STRAY * pixels[IGNORE]


def _count(names):
    return f"{len(names)} file{'s' if len(names) > 1 else ''}"


def rare(masks):
    """Lines about values that one mask alone holds, where they are to name the classes."""
    where = {}
    for name, pixels in masks.items():
        for value in pixels.keys() - {0, IGNORE}:
            where.setdefault(value, []).append(name)
    if len(masks) < _SOON:
        return []
    alone = [(value, held[0]) for value, held in sorted(where.items()) if len(held) == 1]
    return [f"rare: {value} is in {name} alone, of {len(masks)} masks" for value, name in alone]


def smooth(masks):
    """A hint for masks of many values, most of whose pixels have two of them: ` ...`, or nothing."""
    total = {}
    for pixels in masks.values():
        for value, count in pixels.items():
            total[value] = total.get(value, 0) + count
    most = sum(sorted(total.values())[-2:])
    if len(total) < _SMOOTH_VALUES or most < _SMOOTH_PART * sum(total.values()):
        return ""
    return "; they look smoothed or compressed: save them without antialiasing, one value a class"
