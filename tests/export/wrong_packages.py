"""What may be wrong with an exported folder, and what a client in another language says of it."""

import base64
import json


def misjudge(folder):
    """Let golden.json have, of its second file, the answers to two examples exchanged, and no tolerance."""
    golden = json.loads((folder / "golden.json").read_text())
    row = golden["artifacts"][1]
    row["tolerance"] = dict.fromkeys(row["tolerance"], 0)
    row["answers"][0], row["answers"][1] = row["answers"][1], row["answers"][0]
    (folder / "golden.json").write_text(json.dumps(golden))


def told_as_labels(folder, how):
    """Let contract.json have the scores of its model.tflite decided as several labels: `top_k` or `thresholds`. Returns
    the path of a photograph of golden.json.
    """
    contract = json.loads((folder / "contract.json").read_text())
    row = next(row for row in contract["artifacts"] if row["path"] == "model.tflite")
    row["restore"] = {"rule": "labels", "probabilities": "probabilities", **how}
    contract.pop("sum")
    (folder / "contract.json").write_text(json.dumps(contract))
    example = json.loads((folder / "golden.json").read_text())["examples"][0]
    (folder / "photo.png").write_bytes(base64.b64decode(example["encoded"]))
    return folder / "photo.png"


# what -> (a function that spoils the folder, a part of the line)
WRONG = {
    "other bytes": (lambda f: (f / "model.tflite").write_bytes(b"x" * 999), "is not the file that golden.json has"),
    "no file": (lambda f: (f / "model.tflite").unlink(), "model.tflite is missing"),
    "no labels": (lambda f: (f / "labels.txt").unlink(), "labels.txt cannot be read"),
    "other labels": (lambda f: (f / "labels.txt").write_text("a\n"), "has other names than contract.json"),
    "no golden": (lambda f: (f / "golden.json").unlink(), "golden.json cannot be read"),
    "cut golden": (lambda f: (f / "golden.json").write_text('{"version": 1,'), "golden.json is damaged: it is no JSON"),
    "deep golden": (lambda f: (f / "golden.json").write_text("[" * 9999), "golden.json is damaged: it is no JSON"),
    "newer golden": (lambda f: (f / "golden.json").write_text('{"version": 2}'), "has another version"),
}
