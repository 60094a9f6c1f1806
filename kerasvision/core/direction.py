"""Whether more or less of a figure is better: who measures it states it (`Evaluator.directions`), names say nothing."""

import dataclasses
import json
import math
import typing

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_text

DIRECTIONS = "directions.json"  # in a run folder


@dataclasses.dataclass(frozen=True)
class Target:
    """The nearer to `value`, the better."""

    value: float


# "none": a figure of the data, or of a difference, that is neither good nor bad
Direction = typing.Literal["max", "min", "none"] | Target


def direction_of(directions, key):
    """The direction of a figure; None where nobody stated one.

    directions: name -> `Direction`. key: `NAME`, or `NAME/CLASS`; the ends of a figure's interval, `NAME_low` and
    `NAME_high`, go with it.
    """
    name = key.split("/", 1)[0]
    for known in (name, name.removesuffix("_low"), name.removesuffix("_high")):
        if known in directions:
            return directions[known]
    return None


def goodness(value, direction):
    """A number that is the larger, the better the value is; NaN where nothing says which is better."""
    if isinstance(direction, Target):
        return -abs(value - direction.value)
    return {"max": value, "min": -value}.get(direction, math.nan)


def is_better(value, than, direction):
    """Whether a value is better than another one, or than none: any number is better than NaN, and NaN than None."""
    if than is None or math.isnan(than):
        return than is None or not math.isnan(value)
    return goodness(value, direction) > goodness(than, direction)


def distance(value, direction):
    """What a change is measured in: the value itself, or how far it is from its target."""
    return abs(value - direction.value) if isinstance(direction, Target) else value


def said(direction):
    """In words for a reader of a table; "" where more is better, as of most figures."""
    if isinstance(direction, Target):
        return f"nearer to {direction.value:g} is better"
    return {"max": "", "min": "less is better"}.get(direction, "neither more nor less is better")


def to_json(direction):
    """ "max", "min", "none", {"target": number} or, where nobody stated one, None."""
    return {"target": direction.value} if isinstance(direction, Target) else direction


def write_directions(folder, directions):
    """The directions of a run's metrics into its folder."""
    text = json.dumps({name: to_json(d) for name, d in directions.items()}, indent=2)
    write_text(folder / DIRECTIONS, f"{text}\n")


def read_directions(folder):
    """What `write_directions` wrote."""
    path = folder / DIRECTIONS
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        read = {k: Target(float(d["target"])) if isinstance(d, dict) else d for k, d in held.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        read = {"": None}
    if not all(isinstance(d, Target) or d in ("max", "min", "none") for d in read.values()):
        raise KerasVisionError(f'{path} is damaged; allowed for a name: "max", "min", "none" or {{"target": number}}')
    return read
