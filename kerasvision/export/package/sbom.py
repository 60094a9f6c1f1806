"""What a model was made with: the packages below kerasvision, as a CycloneDX 1.5 bill of materials."""

import importlib.metadata
import re

from packaging.requirements import Requirement


def bill_of_materials(root="kerasvision"):
    """JSON of every installed package that `root` needs, directly or not. https://cyclonedx.org/docs/1.5/json/"""
    held, waiting = {}, [root]
    while waiting:
        name = _plain(waiting.pop())
        if name in held:
            continue
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        held[name] = found
        waiting += [r.name for r in map(Requirement, found.requires or ()) if r.marker is None or r.marker.evaluate()]
    own = held.pop(_plain(root))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": _component(own, "application")},
        "components": [_component(held[name], "library") for name in sorted(held)],
    }


def _component(found, kind):
    name, version = found.metadata["Name"], found.version
    row = {"type": kind, "name": name, "version": version, "purl": f"pkg:pypi/{_plain(name)}@{version}"}
    said = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
    if said and len(said) < 100:  # some packages write the whole text there
        row["licenses"] = [{"license": {"name": said.strip()}}]
    return row


def _plain(name):
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()
