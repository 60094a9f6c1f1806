"""Writes golden.json beside files that take prepared inputs: `edge/golden.py` says what is in it.

Tolerances of another runtime's answer, from the file's own where it was exported: of a float file the bound of its
certificate; of integers one step of the output's scale, or, where float operators follow, of the integers that enter
them; of dynamic ranges, whose scales are those of each example, a 127th of the largest number.
"""

import base64
import json

import numpy as np
import tensorflow as tf

from kerasvision.edge.client import as_png
from kerasvision.edge.golden import LEAST_MASK, NAME, VERSION, check_form
from kerasvision.edge.independent.predicting import real, typed
from kerasvision.edge.tensors import packed
from kerasvision.export import heat
from kerasvision.inference.batches import joined
from kerasvision.ops.sound import reaching

EXAMPLES, MOST_BYTES = 5, 2**24  # of examples, as base64 and without their answers; of large ones there are fewer
MOST_NUMBERS = 2**15  # of one answer; of a larger one some positions are held
LEVELS = 127  # of int8 on either side of 0
WIDER = 1 + 1e-4  # a step is a difference of two products in float32


def write_golden_json(folder, contract, exporters, artifacts, runners, job):
    """Write golden.json into the folder of a package if files of it take prepared inputs. contract: of the export, a
    dict. artifacts, runners: of each exporter. job: the export's `Job`.
    """
    rows = {(row["kind"], row["sha256"]): row for row in contract["artifacts"]}
    held = [
        (exporter, artifact, runner, rows[artifact.kind, artifact.sha256])
        for exporter, artifact, runner in zip(exporters, artifacts, runners, strict=True)
        if artifact.path.parent == folder and artifact.path.suffix in (".tflite", ".onnx") and runner.takes_prepared
    ]
    if not held:
        return
    examples = _examples(job, contract["preprocess"])
    inputs = [prepared for _, prepared in examples]
    golden = {
        "version": VERSION,
        "name": job.name,
        "release": job.version,
        "examples": [example for example, _ in examples],
        "artifacts": [_artifact(*one, inputs) for one in held],
    }
    check_form(golden, folder / NAME)
    (folder / NAME).write_text(json.dumps(golden) + "\n", encoding="ascii")


def _examples(job, rules):
    """[(JSON of an example, its prepared inputs)]."""
    arch, wholes = job.served.arch, []
    for sample in job.samples[:EXAMPLES]:
        whole, _ = arch.geometry({k: tf.constant(v) for k, v in sample.items()})
        wholes.append({k: np.asarray(v) for k, v in whole.items()})
    prepared = [{k: np.asarray(v) for k, v in arch.at_graph_size(whole).items()} for whole in wholes]
    trained = {k: v.numpy() for k, v in job.served.fixed(batch=None)(joined(prepared)).items()}
    found, size = [], 0
    for number, (sample, whole, inputs) in enumerate(zip(job.samples, wholes, prepared, strict=False)):
        example = {
            **(encoded_of(sample, rules) if rules["kind"] in ("image", "volume", "audio") else {}),
            "prepared": {k: packed(v) for k, v in inputs.items()},
            "is_whole": all(whole[k].shape == v.shape for k, v in inputs.items()),
            "trained": {k: packed(v[number : number + 1], MOST_NUMBERS) for k, v in trained.items()},
        }
        size += len(json.dumps(example))
        if found and size > MOST_BYTES:
            break
        found.append((example, inputs))
    return found


def given_of(sample):
    """What a client has of a serving input: `encoded` bytes of a PNG, transparent where pixels are missing, a
    `volume` and its `spacing_mm`, an `audio` and its `rate`, or a `text`; of several senses all of them, as `several`.
    """
    if "senses" in sample or {"image", "text"} <= set(sample):
        own = {"image": lambda value: as_png(value[0])}
        return {"several": {k: own.get(k, lambda value: value[0])(v) for k, v in sample.items()}}
    if "text" in sample:
        return {"text": sample["text"][0]}
    if "audio" in sample:
        return {"audio": sample["audio"][0], "rate": sample["rate"][0]}
    if "volume" in sample:
        return {"volume": sample["volume"][0], "spacing_mm": sample["spacing_mm"][0]}
    pixels = sample["image"][0]
    if "present" in sample:
        pixels = np.dstack([pixels, 255 * sample["present"][0]])
    return {"encoded": as_png(pixels)}


def encoded_of(sample, rules):
    """JSON of what a client is given of a serving input (`given_of`); of a sound, which may be of hours, no more than
    what the model hears. rules: `preprocess` of a contract.
    """
    given = given_of(sample)
    if "audio" in given:
        given["audio"] = given["audio"][: reaching(int(given["rate"]), rules["rate"], rules["samples"])]
    if "encoded" in given:
        return {"encoded": base64.b64encode(given["encoded"]).decode("ascii")}
    return {key: packed(value) for key, value in given.items()}


def _artifact(exporter, artifact, runner, row, inputs):
    infer = getattr(runner, "raw", runner.infer)
    answers = [infer({k: typed(v, row["inputs"][k]) for k, v in one.items() if k in row["inputs"]}) for one in inputs]
    decision, step = _decision(row), exporter.step(artifact.path)
    bound = artifact.agreement["tolerance"]
    tolerance = {
        key: _tolerance([real(answer[key], tensor) for answer in answers], tensor, bound, step)
        for key, tensor in row["outputs"].items()
    }
    if heat.HEAT in tolerance and exporter.precision:  # slopes: bounded by the largest of them, not by scores
        largest = max(float(np.abs(answer[heat.HEAT]).max()) for answer in answers)
        tolerance[heat.HEAT] = heat.MOST_APART[exporter.precision] * max(largest, 1e-12)
    if decision["rule"] == "objects":
        decision["score"] = tolerance[decision["keys"]["scores"]]
        tolerance = {key: value for key, value in tolerance.items() if key not in row["restore"]["keys"].values()}
    if artifact.promise:  # sets follow from scores, and those of another kernel may lie across the threshold
        tolerance = {k: v for k, v in tolerance.items() if k in _graded(row["outputs"])}
    return {
        "path": artifact.path.name,
        "kind": artifact.kind,
        "sha256": artifact.sha256,
        "decision": decision,
        "tolerance": tolerance,
        "answers": [{k: packed(v, MOST_NUMBERS) for k, v in answer.items()} for answer in answers],
    }


def _tolerance(answers, tensor, bound, step):
    """Of one output. answers: real numbers of each example."""
    if "quantization" in tensor:
        return tensor["quantization"][0] * WIDER
    if not np.issubdtype(np.dtype(tensor["dtype"]), np.floating):
        return 0.0
    largest = max(float(np.abs(answer).max(initial=0.0)) for answer in answers)
    if bound is not None:
        return float(bound) * max(1.0, largest)
    return step * max(1.0, largest) if step else max(largest, np.finfo(np.float32).tiny) / LEVELS


def _decision(row):
    """What is decided by the outputs of a file, by its row of a contract."""
    restore, outputs = row["restore"], row["outputs"]
    if restore["rule"] == "boxes":
        keys = {name: restore["keys"][name] for name in ("boxes_xyxy", "labels", "scores", "count")}
        return {"rule": "objects", "keys": keys, "order": "yxyx" if restore["format"] == "tlbr_shares" else "xyxy"}
    if restore["rule"] == "class_map":
        return {"rule": "largest", "key": restore["probabilities"], "share": LEAST_MASK}
    if row.get("promise"):  # by a threshold of the file's own, which is not the trained model's
        outputs = _graded(outputs)
    whole = [k for k, t in outputs.items() if "quantization" not in t and np.dtype(t["dtype"]).kind in "iub"]
    if whole:
        return {"rule": "equal", "keys": whole}
    if "probabilities" in outputs:
        return {"rule": "largest", "key": "probabilities", "share": 1}
    return {"rule": "none"}


def _graded(outputs):
    """Those outputs of a file that are no whole numbers."""
    return {k: t for k, t in outputs.items() if np.dtype(t["dtype"]).kind == "f" or "quantization" in t}
