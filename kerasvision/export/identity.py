"""Whether a file is the one that its contract describes, checked before anything is predicted with it."""

import json
import pathlib
import sys

from kerasvision.core.errors import KerasVisionError
from kerasvision.export import described
from kerasvision.export.contract import read_contract
from kerasvision.export.measurement import sha256
from kerasvision.export.placing import artifact_at

AGAIN = "export the model again"


def row_of(path, contract):
    """The row of a contract's `artifacts` for an artifact, found by its sha256, so that it may have another name.

    Reads the artifact once. Raises KerasVisionError where no row has that sum: changed, damaged, or another model's.
    """
    digest, rows = _sum(path), contract["artifacts"]
    row = next((r for r in rows if r["sha256"] == digest), None)
    if row is not None:
        return row
    named = next((r for r in rows if r["path"] == ("." if path.is_dir() else path.name)), None)
    if named is None:
        held = ", ".join(f"{r['path']} ({r['kind']})" for r in rows)
        raise KerasVisionError(f"{path} is none of the files of its contract.json, which has {held}; {AGAIN}")
    raise KerasVisionError(
        f"{path} is not the file of its contract.json: its sha256 is {digest[:12]}... and the contract's "
        f"{named['sha256'][:12]}...; it was changed, damaged, or is another model's: {AGAIN}"
    )


def kind_of(path):
    """What an exporter calls the file or folder that a person names, such as tflite:int8."""
    path = artifact_at(pathlib.Path(path))
    return row_of(path, read_contract(path))["kind"]


def _sum(path):
    try:
        return sha256(path)
    except OSError as error:
        raise KerasVisionError(f"{path} cannot be read: {error.strerror}") from None


def check_described(path, contract, arch):
    """Raises KerasVisionError where a contract differs from what its own recipe gives: the classes, what goes in and
    out, and `preprocess`; or where the model has learned what is no longer so. arch: the recipe's `Architecture`.
    """
    for part, said in described.architecture(arch).items():
        held = contract.get(part, said)
        if part == "inputs":  # contracts of before inputs had kinds do not say them
            said = {k: {n: v for n, v in row.items() if n in held.get(k, row)} for k, row in said.items()}
        if held != json.loads(json.dumps(said)):
            names = sorted(k for k in {*held, *said} if held.get(k) != json.loads(json.dumps(said.get(k))))
            raise KerasVisionError(
                f"{path}: contract.json was changed, or made by another version: its {part} ({', '.join(names)}) "
                f"is not what its recipe does; {AGAIN}"
            )
    wanted = getattr(arch, "num_classes", None)
    if wanted is not None and wanted != len(contract["classes"]):
        raise KerasVisionError(
            f"{path}: contract.json has {len(contract['classes'])} classes and its recipe {wanted}; {AGAIN}"
        )
    if why := arch.outdated(contract["classes"]):
        raise KerasVisionError(f"{path} {why}")


def check_signature(path, row, signature):
    """Raises KerasVisionError where a file takes or gives something else than its row of `artifacts` says. signature:
    what the file itself says (`Exporter.signature`).
    """
    said = described.signature(row)
    for part, word in (("inputs", "takes"), ("outputs", "gives")):
        if said[part] != signature[part]:
            raise KerasVisionError(
                f"{path} {word} {_spelled(signature[part])} and its contract.json says {_spelled(said[part])}; {AGAIN}"
            )


def _spelled(tensors):
    def one(key, held):
        sides = ", ".join("?" if side is None else str(side) for side in held["shape"])
        return f"{key} {held['dtype']} [{sides}]" + (f" {held['quantization']}" if "quantization" in held else "")

    return "; ".join(one(*item) for item in sorted(tensors.items())) or "nothing"


def tell_of_labels(path, contract):
    """Says on stderr that the labels.txt beside a file has other class names than its contract, whose names count."""
    place = path / "assets" / "labels.txt" if path.is_dir() else path.parent / "labels.txt"
    if not place.exists():
        return
    try:
        text = place.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        text = None
    if text is None or text.rstrip("\n").split("\n") != "\n".join(contract["classes"]).rstrip("\n").split("\n"):
        print(
            f"kerasvision: {place} has other names than contract.json, whose names are used here; an app that reads it "
            f"answers otherwise: {AGAIN}",
            file=sys.stderr,
        )


def check_saved_model(path):
    """Raises KerasVisionError where a SavedModel has a contract and is not what that describes. One without a contract
    may be of any origin, and passes.
    """
    path = pathlib.Path(path)
    place = path / "assets.extra" / "contract.json"
    if not place.exists():
        return
    try:
        rows = [dict(row) for row in json.loads(place.read_text(encoding="utf-8"))["artifacts"]]
        sums = {row["sha256"] for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        raise KerasVisionError(f"{place} is damaged; {AGAIN}") from None
    if sums and _sum(path) not in sums:
        raise KerasVisionError(
            f"{path} is not what its contract.json describes (its sha256 differs): it was changed or damaged; {AGAIN}"
        )
