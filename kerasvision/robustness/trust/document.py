"""trust.json: its form, its reading and its writing."""

import importlib.resources
import json
import pathlib

import jsonschema

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_text

PARTS = ("clean", "corrupted", "attacked", "certified", "explained", "calibrated", "covered")
VERSION = 1


def part(how, examples, figures):
    """A part that was measured. figures: name -> (value, (low, high) or None)."""
    rows = {
        name: {"value": float(value), "interval": None if ends is None else [float(end) for end in ends]}
        for name, (value, ends) in figures.items()
    }
    return {"how": how, "examples": int(examples), "figures": rows}


def not_measured(why):
    """A part of which nothing is said, and why."""
    return {"not_measured": str(why)}


def read(path):
    """The document in a trust.json. Raises KerasVisionError where the file is none."""
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KerasVisionError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        validate(found)
    except jsonschema.ValidationError as error:
        place = "/".join(map(str, error.absolute_path)) or "its beginning"
        said = error.message.splitlines()[0][:200]
        raise KerasVisionError(
            f"{path} is no trust.json, at {place}: {said}; `kerasvision trust RUN --out DIR` writes one"
        ) from None
    return found


def validate(found):
    """Raises jsonschema.ValidationError where a document does not have the form of `trust.schema.json`."""
    text = importlib.resources.files("kerasvision.robustness.trust").joinpath("trust.schema.json").read_text()
    jsonschema.validate(found, json.loads(text))


def write(found, folder):
    """Write trust.json into a folder; returns its path."""
    path = pathlib.Path(folder) / "trust.json"
    validate(found)
    write_text(path, json.dumps(found, indent=2) + "\n")
    return path
