"""golden.json: real examples, what must become of them, and what each file beside it answers; and whether it does here.

What `kerasvision.export` writes into a package of files that take prepared inputs:

* `version` 1; `name`, `release` of the model.
* `examples`: `encoded` (base64 of a PNG), `volume` with `spacing_mm` or `audio` with `rate` (tensors), where the
  contract describes the preparation; `prepared` {input: tensor}, of the file's own size; `is_whole`: whether that is
  all of the prepared input (of windows it is the middle); `trained` {output: tensor}: what the trained model answers to
  `prepared`.
* `artifacts`: `path`, `kind`, `sha256`; `answers`: for each example {output: tensor}, what the file itself gave where
  it was exported; `tolerance` {output: number}: how far another runtime's answer may be from that, in real numbers, 0:
  it must be equal; outputs that are judged as decisions alone are not in it; `decision`: what is decided.

`decision` is {"rule": "objects", "keys": {"boxes_xyxy", "labels", "scores", "count": output}, "order": "xyxy" or
"yxyx", "score": tolerance of one}: each object of a score of 0.3 or more has a partner of its class with an IoU of 0.99
or more. {"rule": "largest", "key": output, "share": 1 or 0.999}: the index of the largest number of the last axis, in
that share of the positions. {"rule": "equal", "keys": [output]}: whole numbers. {"rule": "none"}.

A tensor is that of `edge.tensors`.
"""

import numpy as np

from kerasvision.edge.errors import EdgeError
from kerasvision.edge.independent.predicting import real
from kerasvision.edge.tensors import thinned, unpacked

NAME, VERSION = "golden.json", 1
LEAST_SCORE, LEAST_IOU, LEAST_MASK = 0.3, 0.99, 0.999
TRAINED_IOU = 0.5  # as a certificate counts changed decisions
MOST_GRAY = 1  # levels, of a prepared picture


def answer_of(row, index):
    """{output: array as the file gives it} of one example of an artifact's row."""
    return {key: unpacked(tensor) for key, tensor in row["answers"][index].items()}


def apart(mine, row, index, outputs):
    """(largest difference in parts of its tolerance, that difference, its tolerance) of an answer from the recorded.

    mine: {output: array [1, ...]} of a runtime. outputs: of the file, with `quantization` where numbers are integers.
    """
    worst = (0.0, 0.0, 0.0)
    for key, tolerance in row["tolerance"].items():
        tensor = row["answers"][index][key]
        ours = real(_as_held(mine[key], tensor), outputs[key]).astype(np.float64)
        theirs = real(unpacked(tensor), outputs[key]).astype(np.float64)
        away = float(np.abs(ours - theirs).max(initial=0.0)) if ours.shape == theirs.shape else np.inf
        away = np.inf if np.isnan(away) else away
        parts = away / tolerance if tolerance else (0.0 if away == 0 else np.inf)
        worst = max(worst, (parts, away, tolerance))
    return worst


def decides_alike(mine, theirs, decision, iou=LEAST_IOU, score=None):
    """Whether two answers {output: array} decide alike. score: how far those of two partners may be; None: any."""
    if decision["rule"] == "objects":
        a, b = (_objects(answer, decision) for answer in (mine, theirs))
        return _all_found(a, b, iou, score) and _all_found(b, a, iou, score)
    if decision["rule"] == "largest":
        a, b = (answer[decision["key"]] for answer in (mine, theirs))
        return a.shape == b.shape and bool((a.argmax(-1) == b.argmax(-1)).mean() >= decision["share"])
    if decision["rule"] == "equal":
        return all(np.array_equal(mine[key], theirs[key]) for key in decision["keys"])
    return True


def held_alike(mine, tensors):
    """{output: array}, thinned as the tensors of the same names are; what these do not have is left out."""
    return {key: _as_held(mine[key], tensor) for key, tensor in tensors.items() if key in mine}


def _as_held(values, tensor):
    return thinned(values, tensor["every"]) if "every" in tensor else values


def _objects(answer, decision):
    """(boxes [N, 4] as x0, y0, x1, y1, labels [N], scores [N]) of one answer."""
    held = {name: np.asarray(answer[key]) for name, key in decision["keys"].items()}
    count = int(held["count"].reshape(-1)[0])
    boxes = held["boxes_xyxy"].reshape(-1, 4)[:count].astype(np.float64)
    if decision["order"] == "yxyx":
        boxes = boxes[:, [1, 0, 3, 2]]
    return boxes, held["labels"].reshape(-1)[:count], held["scores"].reshape(-1)[:count].astype(np.float64)


def _all_found(wanted, among, iou, score):
    """Whether each object worth it has a partner; one within the tolerance of the least score may have none."""
    (boxes, labels, scores), (others, other_labels, other_scores) = wanted, among
    for box, label, value in zip(boxes, labels, scores, strict=True):
        if value < LEAST_SCORE + (score or 0.0):
            continue
        fits = (other_labels == label) & (overlap(box, others) >= iou)
        if score is not None:
            fits &= np.abs(other_scores - value) <= score
        if not fits.any():
            return False
    return True


def overlap(box, others):
    """IoU of a box [4] with others [N, 4]; 1 where both are the same point or line."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    every = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(-1) - common
    return np.where(every > 0, common / np.where(every > 0, every, 1), (box == others).all(-1))


def check_form(golden, place):
    """Raises EdgeError of a golden.json of another version or without what it is made of."""
    if golden.get("version") != VERSION:
        raise EdgeError(f"{place} has version {golden.get('version')}, and this client knows {VERSION}")
    for part in ("examples", "artifacts"):
        if not isinstance(golden.get(part), list) or not golden[part]:
            raise EdgeError(f"{place} has no {part}; export the model again")
