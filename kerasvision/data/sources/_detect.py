"""From what a person types after `--data` to a source: every registered one is asked whether it knows the data."""

import pathlib

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources


def detect(path):
    """A folder or a file -> the one source that detects it; `NAME:TEXT` -> what that source makes of the text, as in
    coco:PATH; `NAME` -> a source that needs no more, such as digits. A folder named digits is written ./digits.
    """
    text = str(path)
    name, colon, rest = text.partition(":")
    if name in sources and bool(sources[name].form) == bool(colon):
        if colon and not rest:
            raise UsageError(f"data {text!r}: nothing behind the colon; write {_typed(name)}")
        return sources[name].from_text(rest)
    place = pathlib.Path(text).expanduser()
    found = detected(place)
    if len(found) > 1:
        which = " or ".join(f"{name}:{text}" for name in found)
        raise UsageError(f"data {text!r}: looks like {' and '.join(found)}; say which, type {which}")
    if not found:
        raise UsageError(f"data {text!r}: {_seen(place)}; allowed: {_allowed()}")
    return sources[found[0]].from_text(text)


def detected(place):
    """Names of the sources that detect what lies at a path; the general ones are asked where no other does."""
    if not place.exists():
        return []
    asked = [name for name in sources if place.is_dir() or _fits(name, place)]
    special = [name for name in asked if not sources[name].is_general and sources[name].detects(place)]
    return special or [name for name in asked if sources[name].is_general and sources[name].detects(place)]


def _fits(name, place):
    return place.name.lower().endswith(sources[name].suffixes)


def _typed(name):
    form = sources[name].form
    return f"{name}:{form}" if form else name


def _seen(place):
    if not place.exists():
        return "no such file or folder"
    able = [name for name in sources if _fits(name, place)]
    if able:
        return f"not what {' or '.join(able)} would read"
    suffixes = sorted({s for name in sources for s in sources[name].suffixes})
    return f"none of the files that are data by themselves: {', '.join(suffixes)}"


def _allowed():
    alone = [sources[name].opens for name in sources if sources[name].opens]
    return f"{', '.join(alone)}; or {', '.join(map(_typed, sources))}"
