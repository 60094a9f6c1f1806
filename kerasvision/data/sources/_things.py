"""One labeled object, and the JSON of what is known of it beside its class and box."""

import dataclasses
import math

from kerasvision.core.errors import KerasVisionError


@dataclasses.dataclass(frozen=True)
class Thing:
    """One labeled object. None: the labels do not say.

    segmentation: as COCO has it, a list of polygons [x, y, x, y, ...] or {"size": [h, w], "counts": RLE}. area_px: of
    the object, not its box. occlusion: the part of it that is hidden, 0..1. odd: why its numbers are no box at all,
    which is treated as a box without area is.
    """

    label: int
    box_xyxy: tuple[float, float, float, float]
    is_crowd: bool = False
    segmentation: list | dict | None = None
    area_px: float | None = None
    is_difficult: bool | None = None
    is_truncated: bool | None = None
    occlusion: float | None = None
    odd: str | None = None


EXTRAS = {  # field of a Thing -> its name in COCO's JSON
    "is_crowd": "iscrowd",
    "segmentation": "segmentation",
    "area_px": "area",
    "is_difficult": "difficult",
    "is_truncated": "truncated",
    "occlusion": "occlusion",
}


def extras(thing):
    """JSON of what is known of a thing beside class and box; `thing_of` reads it."""
    held = {name: getattr(thing, field) for field, name in EXTRAS.items()}
    held = {k: int(v) if isinstance(v, bool) else v for k, v in held.items()}
    return {k: v for k, v in held.items() if v is not None and (k != "iscrowd" or v)}


def thing_of(label, box_xyxy, held, where="", odd=None):
    """A Thing of a class, a box, and JSON as `extras` writes it; unknown keys are somebody else's.

    where: begins the error where a value is none, such as "iscrowd": "0", which Python would take for true.
    """
    given = {field: held[name] for field, name in EXTRAS.items() if held.get(name) not in (None, [])}
    for field, value in given.items():
        if field.startswith("is_"):
            if not isinstance(value, (int, float)) or value not in (0, 1):
                raise KerasVisionError(f"{where}: {EXTRAS[field]} is {value!r}; allowed: 0 or 1")
            given[field] = bool(value)
        elif field != "segmentation" and not (is_number(value) and value >= 0):
            raise KerasVisionError(f"{where}: {EXTRAS[field]} is {value!r}; allowed: a number from 0 on")
    return Thing(label, tuple(map(float, box_xyxy)), odd=odd, **given)


def is_number(value):
    """Whether a value of JSON is a finite number that a float can hold; true and false are none."""
    if type(value) is float:
        return math.isfinite(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:  # an integer of more than 308 digits
        return False


def stated_side(value, where):
    """A side of an image as labels state it -> int, or None where they do not: missing, empty or 0.

    Allowed: whole numbers, also written as 640.0 or as text. Anything else is an error: a size that was never compared
    would let boxes of another picture through.
    """
    text = str(value).strip() if isinstance(value, (str, int, float)) and not isinstance(value, bool) else repr(value)
    if value is None or not text:
        return None
    try:
        number = float(text)
        if number.is_integer() and number >= 0:  # of inf it is an OverflowError in int() only
            return int(number) or None
    except (ValueError, OverflowError):
        pass
    raise KerasVisionError(f"{where} is {value!r}; allowed: a whole number of pixels")


def stated_number(value, where):
    """A finite number of JSON, or None for null."""
    if value is not None and not is_number(value):
        raise KerasVisionError(f"{where} is {value!r:.60}; allowed: a number")
    return value
