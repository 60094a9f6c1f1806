"""`verify FOLDER`: does this device prepare real examples as training did, and does each file answer here as where it
was exported? Every client prints the same lines.
"""

import base64
import dataclasses
import pathlib

import numpy as np

from kerasvision.edge import golden as goldens
from kerasvision.edge.contracts import AGAIN, check_labels, read_contract, read_json, sha256
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.independent import NotDescribedError, prepare
from kerasvision.edge.independent.predicting import typed
from kerasvision.edge.runtimes import open_runtime
from kerasvision.edge.tensors import unpacked


@dataclasses.dataclass(frozen=True)
class Finding:
    """Of one file. gray: largest difference of a prepared picture, in levels; None: nothing could be prepared. away,
    tolerance: the largest difference of an answer from the recorded one in parts of its tolerance. decisions: of
    `examples` as recorded; trained: as the trained model's.
    """

    path: str
    kind: str
    examples: int
    gray: float | None
    parts: float
    away: float
    tolerance: float
    decisions: int
    trained: int

    @property
    def passes(self):
        """Whether the device prepares, answers and decides as it must."""
        prepared = self.gray is None or self.gray <= goldens.MOST_GRAY
        return prepared and self.parts <= 1 and self.decisions == self.examples

    def line(self):
        """One line; what every client prints."""
        gray = "-" if self.gray is None else f"{self.gray:.2g}"
        answers = f"{self.away:.2g} of {self.tolerance:.2g}" if self.tolerance or self.away else "as decided"
        return (
            f"{self.path} {self.kind}: prepared {gray}, answers {answers}, "
            f"decisions {self.decisions}/{self.examples}, trained {self.trained}/{self.examples}: "
            f"{'pass' if self.passes else 'FAIL'}"
        )


def verify(folder, threads=None):
    """[`Finding`] of the files of a folder that its golden.json has. Raises EdgeError, one line, of what is missing,
    damaged or of another model.
    """
    folder = pathlib.Path(folder)
    place = folder / goldens.NAME
    golden, contract = read_json(place), read_contract(folder)
    goldens.check_form(golden, place)
    if (folder / "labels.txt").exists() or any(row["path"].endswith(".tflite") for row in golden["artifacts"]):
        check_labels(folder, contract["classes"])
    for row in golden["artifacts"]:
        _check_sum(folder / row["path"], row, place)
    gray = prepared_apart(golden["examples"], contract["preprocess"])
    return [_finding(open_runtime(folder / row["path"], threads), row, golden, gray) for row in golden["artifacts"]]


def in_words(findings):
    """Lines that every client prints: one a file, and what all of them are."""
    wrong = sum(not finding.passes for finding in findings)
    whole = f"FAIL: {wrong} of {len(findings)} files" if wrong else f"pass: {len(findings)} files"
    return [*(finding.line() for finding in findings), whole]


def _check_sum(path, row, place):
    if not path.is_file():
        raise EdgeError(f"{path} is missing, and {place} has answers of it; {AGAIN}")
    digest = sha256(path)
    if digest != row["sha256"]:
        raise EdgeError(
            f"{path} is not the file that {place} has answers of: its sha256 is {digest[:12]}... and not "
            f"{row['sha256'][:12]}...; the answers are another model's: {AGAIN}"
        )


def prepared_apart(examples, rules):
    """The largest difference of what is prepared here from what is recorded, in gray levels (of numbers that are no
    bytes in parts of the largest times 255); None where nothing can be prepared from a picture, a volume or a sound.
    """
    worst = None
    for example in examples:
        given = _given(example)
        if not given or not example["is_whole"]:
            continue
        try:
            mine, _ = prepare(rules, **given)
        except NotDescribedError:
            return None
        for key, tensor in example["prepared"].items():
            worst = max(worst or 0.0, _gray(mine[key], unpacked(tensor)[0]))
    return worst


def _given(example):
    if "encoded" in example:
        return {"encoded": base64.b64decode(example["encoded"])}
    if "volume" in example:
        return {"volume": unpacked(example["volume"]), "spacing_mm": unpacked(example["spacing_mm"])}
    if "audio" in example:
        return {"audio": unpacked(example["audio"]), "rate": int(unpacked(example["rate"]))}
    return None


def _gray(mine, theirs):
    if mine.shape != theirs.shape:
        return np.inf
    away = float(np.abs(mine.astype(np.float64) - theirs).max(initial=0.0))
    return away if theirs.dtype == np.uint8 else 255 * away / max(1.0, float(np.abs(theirs).max(initial=0.0)))


def feed_of(example, inputs):
    """{input: array} that a file is given of an example. inputs: of the file."""
    prepared = {key: unpacked(tensor) for key, tensor in example["prepared"].items()}
    return {key: typed(prepared[key], row) for key, row in inputs.items()}


def _finding(runtime, row, golden, gray):
    worst, decisions, trained = (0.0, 0.0, 0.0), 0, 0
    decision = row["decision"]
    for index, example in enumerate(golden["examples"]):
        mine = runtime.infer(feed_of(example, runtime.inputs))
        worst = max(worst, goldens.apart(mine, row, index, runtime.outputs))
        ours, recorded = goldens.held_alike(mine, row["answers"][index]), goldens.answer_of(row, index)
        decisions += goldens.decides_alike(ours, recorded, decision, score=decision.get("score"))
        trained += decides_as_trained(mine, example["trained"], decision)
    counts = len(golden["examples"]), gray, *worst, decisions, trained
    return Finding(row["path"], row["kind"], *counts)


def decides_as_trained(mine, tensors, decision):
    """Whether an answer decides as the trained model's; True where its outputs are others, as of MediaPipe's files."""
    if decision["rule"] == "objects" and decision["order"] == "yxyx":
        return True
    theirs = {key: unpacked(tensor) for key, tensor in tensors.items()}
    needed = decision.get("keys", [decision["key"]] if "key" in decision else [])
    names = needed.values() if isinstance(needed, dict) else needed
    if any(name not in theirs for name in names):
        return True
    return goldens.decides_alike(goldens.held_alike(mine, tensors), theirs, decision, iou=goldens.TRAINED_IOU)
