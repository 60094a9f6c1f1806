"""The part `certified` of trust.json: what `kerasvision certify` has proven of the same models."""

import json
import pathlib

from kerasvision.core.errors import UsageError
from kerasvision.robustness.trust.attacking import shared
from kerasvision.robustness.trust.document import part


def certified_parts(paths, subjects):
    """{kind of a model: its part `certified`}. paths: of certificate.json files. subjects: `measured.Subject`s.

    Raises UsageError, one line, of a file that is no certificate, or is of another model than these: of another name,
    or of other weights.
    """
    parts, name, sums = {}, subjects[0].model.recipe.name, {s.kind: s.sha256 for s in subjects}
    for path in paths:
        found = _read(path)
        if found["name"] != name or found["model"] not in sums:
            held = ", ".join(sums)
            raise UsageError(f"{path} is of {found['model']} of {found['name']}, and asked about are {held} of {name}")
        if found["sha256"] != sums[found["model"]]:
            raise UsageError(
                f"{path} is stale: it proves another {found['model']} (sha256 {str(found['sha256'])[:12]}...) than the "
                f"one asked about ({sums[found['model']][:12]}...); run `kerasvision certify` of that one again"
            )
        if found["model"] in parts:
            raise UsageError(f"{path} is a second certificate of {found['model']}; give one for each model")
        parts[found["model"]] = certified_part(found)
    return parts


def certified_part(found):
    """The part of a document of `systems.certifying`: which share is right, and proven within each radius."""
    smoothed, size = found["smoothed"], found["examples"]
    how = (
        f"smoothed by noise of {smoothed['sigma']:g}, {smoothed['draws']} draws, of the {found['split']} split; radii "
        "by L2, pixels counting 0 to 1"
    )
    rows = {"right, smoothed": found["right"], "no answer": found["abstains"]}
    rows |= {f"right within {radius}": share for radius, share in found["radii"].items()}
    return part(how, size, {name: shared(value, size) for name, value in rows.items()})


def _read(path):
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    wanted = ("name", "model", "sha256", "split", "smoothed", "examples", "right", "abstains", "radii")
    missing = [key for key in wanted if not isinstance(found, dict) or found.get(key) in (None, "")]
    if missing:
        raise UsageError(
            f"{path} is no certificate of a model (without {', '.join(missing)}); `kerasvision certify MODEL --out "
            "DIR` writes DIR/certificate.json"
        )
    return found
