"""What a model was made with, as a CycloneDX 1.5 bill of materials: the packages that it was trained with, as its run
recorded them, and those that it was exported with.
"""

import importlib.metadata

from kerasvision.core.packages import plain

STAGES = ("training", "export")


def bill_of_materials(contract):
    """JSON of every package that was installed where a model was trained and exported, as its contract says them; each
    says in its properties for which of both (`kerasvision:stage`). A package of two versions is two components. Of a
    version that is installed here the license is named. https://cyclonedx.org/docs/1.5/json/

    A contract without packages, of an earlier version or of a model that was not trained here, has what it lacks named
    in the properties of the document.
    """
    packages = contract.get("packages", {})
    stages = {}
    for stage in STAGES:
        for name, version in packages.get(stage, {}).items():
            stages.setdefault((plain(name), version), (name, []))[1].append(stage)
    rows = [_component(name, version, held) for (_, version), (name, held) in sorted(stages.items())]
    own = _component("kerasvision", contract["created_with"].split()[-1], ["export"]) | {"type": "application"}
    unknown = [stage for stage in STAGES if not packages.get(stage)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own},
        "components": [row for row in rows if row["purl"] != own["purl"]],
        "properties": [{"name": "kerasvision:unknown", "value": stage} for stage in unknown],
    }


def _component(name, version, stages):
    row = {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{plain(name)}@{version}"}
    said = _license(name, version)
    row |= {"licenses": [{"license": {"name": said}}]} if said else {}
    return row | {"properties": [{"name": "kerasvision:stage", "value": stage} for stage in stages]}


def _license(name, version):
    """As a package of just this version says it here; "" where none is installed."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    said = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
    return said.strip() if found.version == version and len(said) < 100 else ""  # some write the whole text there
