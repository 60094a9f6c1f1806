"""contract.json: what travels with every artifact, so that a client needs nothing else."""

import importlib.resources
import json
import pathlib

import jsonschema
import numpy as np

from kerasvision.core.component import to_json
from kerasvision.core.errors import KerasVisionError


def contract_json(trained, version, reference, artifacts):
    """The contract as a dict; `artifacts` are those of one export."""
    from kerasvision import __version__

    arch = trained.arch
    return {
        "name": trained.recipe.name,
        "version": version,
        "task": arch.name,
        "recipe": to_json(trained.recipe),
        "classes": list(trained.classes),
        "inputs": {k: _tensor(s) for k, s in arch.serving_inputs().items()},
        "prepared_inputs": {k: _tensor(s) for k, s in arch.prepared_inputs().items()},
        "outputs": {k: {"dtype": g.dtype, "shape": [None, *g.shape], "unit": g.unit} for k, g in arch.gives.items()},
        "preprocess": arch.preprocessing(),
        "metrics": {f"{reference.split}/{k}": v for k, v in reference.metrics.items()},
        "profile": reference.profile,
        "artifacts": [_artifact(a) for a in artifacts],
        "created_with": f"kerasvision {__version__}",
    }


def _tensor(spec):
    unit = "pixel 0..255" if spec.dtype.name == "uint8" else spec.dtype.name
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list(), "unit": unit}


def _artifact(a):
    return {
        "kind": a.kind,
        "path": a.path.name,
        "sha256": a.sha256,
        "size_bytes": a.size_bytes,
        "gzip_bytes": a.gzip_bytes,
        "zeros": a.zeros,
        "latency_ms": round(a.latency_ms, 4),
        "metrics": a.metrics,
        "agreement": a.agreement | {"worst": "/".join(pathlib.PurePath(a.agreement["worst"]).parts[-2:])},
        **a.signature,
        "ops": a.ops,
        "select_ops": len(a.select_ops),
        "verdict": a.verdict,
        "notes": list(a.notes),
    }


def write_contract(contract, artifacts, folder, contract_path):
    """Write the contract of a package of artifacts, with paths relative to the package, after checking its form."""
    inside = {a.path: "." if a.path == folder else str(a.path.relative_to(folder)) for a in artifacts}
    rows = {(r["kind"], r["sha256"]): r for r in contract["artifacts"]}
    held = [rows[a.kind, a.sha256] | {"path": inside[a.path]} for a in artifacts]
    contract = contract | {"artifacts": held}
    validate(contract)
    path = folder / contract_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contract, indent=2, default=_plain) + "\n", encoding="utf-8")


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def validate(contract):
    """Raise when a contract does not have the published form."""
    schema = json.loads(importlib.resources.files("kerasvision.export").joinpath("contract.schema.json").read_text())
    try:
        text = json.dumps(contract, default=_plain, allow_nan=False)
    except ValueError:
        raise KerasVisionError("contract.json is not valid: a figure in it is NaN or infinite") from None
    try:
        jsonschema.validate(json.loads(text), schema)
    except jsonschema.ValidationError as error:
        where = "/".join(map(str, error.absolute_path))
        raise KerasVisionError(f"contract.json is not valid at {where or 'the top'}: {error.message}") from None


def read_contract(path):
    """The contract that belongs to an artifact's path, or an error that says where it was looked for."""
    path = pathlib.Path(path)
    places = [path / "assets.extra" / "contract.json", path.parent / "contract.json"]
    for place in places[0 if path.is_dir() else 1 :]:
        if place.exists():
            contract = json.loads(place.read_text(encoding="utf-8"))
            validate(contract)
            return contract
    raise KerasVisionError(f"{path} has no contract.json; looked for {' and '.join(map(str, places))}")
