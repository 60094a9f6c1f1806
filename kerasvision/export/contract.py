"""contract.json: what travels with every artifact, so that a client needs nothing else."""

import hashlib
import importlib.resources
import json
import pathlib

import jsonschema
import numpy as np

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.packages import installed
from kerasvision.edge.contracts import SUM, contract_sum
from kerasvision.export import described
from kerasvision.export.examples import NAME as EXAMPLES
from kerasvision.export.examples import examples_of
from kerasvision.tasks.base import PREPROCESS


def contract_json(trained, version, reference, artifacts):
    """contract.json of one export as a dict. trained: a `Trained` model. version: its number. reference, artifacts:
    what `measurement.measure` gave.
    """
    from kerasvision import __version__

    arch = trained.arch
    return {
        "name": trained.recipe.name,
        "version": version,
        "task": arch.name,
        "recipe": to_json(trained.recipe),
        "classes": list(trained.classes),
        **described.architecture(arch),
        "metrics": {f"{reference.split}/{k}": v for k, v in reference.metrics.items()},
        "profile": reference.profile,
        **described.resources(arch),
        "artifacts": [_artifact(arch, a) for a in artifacts],
        "packages": {"training": _trained_with(trained.folder), "export": installed()},
        "created_with": f"kerasvision {__version__}",
    }


def _trained_with(folder):
    """{name: version} of the packages that a run was trained with, of all phases the run's; {} where nobody recorded
    them. folder: of the run or of RUN/phase-N, or None.
    """
    places = [] if folder is None else [folder / "environment.json", folder.parent / "environment.json"]
    for place in places:
        if place.exists():
            try:
                return dict(json.loads(place.read_text(encoding="utf-8")).get("packages", {}))
            except (ValueError, TypeError, AttributeError):
                raise KerasVisionError(f"{place} is damaged: it is no JSON of an environment; restore it") from None
    return {}


def _artifact(arch, a):
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
        **described.file(arch, a.signature),
        "ops": a.ops,
        "select_ops": len(a.select_ops),
        "verdict": a.verdict,
        "notes": list(a.notes),
        **({"functions": a.functions} if a.functions else {}),
        **({"explanation": a.explanation} if a.explanation else {}),
        **({"promise": a.promise} if a.promise else {}),
        **({"repair": a.repair} if a.repair else {}),
    }


def write_contract(contract, artifacts, folder, contract_path, packed):
    """Write the contract of a package of artifacts, with paths relative to the package, after checking its form.

    packed: bytes of the examples that stand beside it, of `packed_examples`, or None.
    """
    inside = {a.path: "." if a.path == folder else str(a.path.relative_to(folder)) for a in artifacts}
    rows = {(r["kind"], r["sha256"]): r for r in contract["artifacts"]}
    held = [rows[a.kind, a.sha256] | {"path": inside[a.path]} for a in artifacts]
    path = folder / contract_path
    path.parent.mkdir(parents=True, exist_ok=True)
    contract = contract | {"artifacts": held} | _with_examples(packed, path.parent)
    validate(contract)
    contract = json.loads(json.dumps(contract, default=_plain))
    path.write_text(json.dumps(contract | {SUM: contract_sum(contract)}, indent=2) + "\n", encoding="utf-8")


def packed_examples(contract):
    """The bytes of a contract's examples, alike for all its packages; None where there are none."""
    return examples_of(from_json(contract["recipe"]).model)


def _with_examples(packed, folder):
    """`preprocess_examples` of a contract, whose file is written beside it; nothing where there are none."""
    if packed is None:
        return {}
    (folder / EXAMPLES).write_bytes(packed)
    return {"preprocess_examples": {"path": EXAMPLES, "sha256": hashlib.sha256(packed).hexdigest()}}


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def validate(contract):
    """Raises KerasVisionError where a contract, a dict, does not have the form of `contract.schema.json`."""
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


def read_contract(path, older=False):
    """The contract, a dict, that belongs to an artifact's path. Raises KerasVisionError, which says where it was looked
    for.

    older: one of an earlier version is given as it is, for those who list versions and do not predict with them.
    """
    path = pathlib.Path(path)
    places = [path / "assets.extra" / "contract.json", path.parent / "contract.json"]
    places = places[0 if path.is_dir() else 1 :]
    place = next((p for p in places if p.exists()), None)
    if place is None:
        raise KerasVisionError(f"{path} has no contract.json; looked for {' and '.join(map(str, places))}")
    contract = _read(place)
    if older and _version(contract) == 0:
        return contract
    _check_version(contract, place)
    validate(contract)
    return contract


def _read(place):
    try:
        contract = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise KerasVisionError(f"{place} cannot be read: {error.strerror}") from None
    except ValueError:
        raise KerasVisionError(f"{place} is damaged: it is no JSON; export the model again") from None
    if not isinstance(contract, dict):
        raise KerasVisionError(f"{place} is damaged: it is no JSON object; export the model again")
    return contract


def _check_version(contract, place):
    """One line for a contract of another time: what it says of preprocessing is not what this code would do."""
    version = _version(contract)
    if version == PREPROCESS:
        return
    made = contract.get("created_with") or "another version of KerasVision"
    if isinstance(version, int) and version > PREPROCESS:
        raise KerasVisionError(f"{place} was written by {made}, which is newer than this one; upgrade kerasvision")
    raise KerasVisionError(f"{place} was written by an earlier version ({made}); export the model again")


def _version(contract):
    """Of `preprocess`; 0 before there were versions."""
    preprocess = contract.get("preprocess")
    return preprocess.get("version", 0) if isinstance(preprocess, dict) else 0
