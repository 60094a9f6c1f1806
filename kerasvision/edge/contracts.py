"""contract.json as a client reads it: is it there, is it whole, and is a file one of those that it describes."""

import hashlib
import json
import pathlib

from kerasvision.edge.errors import EdgeError
from kerasvision.edge.independent.predicting import VERSION
from kerasvision.edge.pages.characters import text_of
from kerasvision.edge.pages.line_direction import RULES, runs_from_right_to_left

AGAIN = "export the model again"
SUM = "sum"  # key of a contract: sha256 of the rest of it


def contract_sum(contract):
    """sha256 of a contract without its own `sum`: of its JSON with sorted keys, without blanks, ASCII alone."""
    rest = {key: value for key, value in contract.items() if key != SUM}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def read_json(path):
    """The object in a file. Raises EdgeError, one line."""
    path = pathlib.Path(path)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EdgeError(f"{path} cannot be read: {error.strerror}; {AGAIN}") from None
    except ValueError:
        raise EdgeError(f"{path} is damaged: it is no JSON; {AGAIN}") from None
    if not isinstance(held, dict):
        raise EdgeError(f"{path} is damaged: it is no JSON object; {AGAIN}")
    return held


def read_contract(folder):
    """The contract in a folder, a dict. Raises EdgeError: it is missing, damaged, changed or of another version."""
    place = pathlib.Path(folder) / "contract.json"
    contract = read_json(place)
    preprocess = contract.get("preprocess")
    version = preprocess.get("version") if isinstance(preprocess, dict) else None
    if version != VERSION:
        raise EdgeError(f"{place} has preprocess version {version}, and this client knows {VERSION}; {AGAIN}")
    if not isinstance(contract.get("classes"), list) or not isinstance(contract.get("artifacts"), list):
        raise EdgeError(f"{place} is damaged: it has no classes or no artifacts; {AGAIN}")
    if SUM in contract and contract[SUM] != contract_sum(contract):
        raise EdgeError(f"{place} was changed after the export: its sum differs; {AGAIN}")
    return contract


def check_placing(path, contract):
    """Raises EdgeError of a recognizer's contract whose script runs from right to left, where it has learned by other
    rules than `edge.pages.line_direction` goes by: its texts would come out in another order.
    """
    model = contract.get("recipe", {}).get("model", {})
    if runs_from_right_to_left(text_of(contract["classes"])) and model.get("placed_by") != RULES:
        raise EdgeError(f"{path} reads from right to left by other rules than this client's; train and export it again")


def row_of(path, contract):
    """The row of a contract's `artifacts` for a file, found by its sha256. Raises EdgeError where there is none."""
    digest = sha256(path)
    for row in contract["artifacts"]:
        if row.get("sha256") == digest:
            return row
    raise EdgeError(f"{path} is none of the files of its contract.json (sha256 {digest[:12]}...); {AGAIN}")


def sha256(path):
    """Of a file's bytes. Raises EdgeError where it cannot be read."""
    try:
        return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise EdgeError(f"{path} cannot be read: {error.strerror}") from None


def check_labels(folder, classes):
    """Raises EdgeError unless the labels.txt of a folder has these classes."""
    place = pathlib.Path(folder) / "labels.txt"
    try:
        text = place.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise EdgeError(f"{place} cannot be read: {reason}; {AGAIN}") from None
    if text.rstrip("\n").split("\n") != "\n".join(classes).rstrip("\n").split("\n"):
        raise EdgeError(f"{place} has other names than contract.json; {AGAIN}")
