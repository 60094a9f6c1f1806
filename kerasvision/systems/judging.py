"""How good a tracker is on sequences whose detections are known: HOTA and the others of `metrics.tracking`."""

import dataclasses
import hashlib

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.systems.base import Session


@dataclasses.dataclass(frozen=True, eq=False)
class Sequence:
    """frames: [(number, what `MultiObject.step` takes)] in order; "embeddings" may be there for all boxes. true:
    {number: boxes and ids of the ground truth} as `data.motchallenge.read_boxes` gives them.
    """

    name: str
    frames: tuple
    true: dict


class Judge:
    """Final. Compares frames with the ground truth, without what does not count there (a score of 0).

    evaluator: of a tracker. true: {number of a frame: its boxes}.
    """

    def __init__(self, evaluator, true, name=0):
        self._evaluator, self._true, self._name = evaluator, true, name

    def __call__(self, number, answer):
        """One frame, in order. answer: of a tracker."""
        held = self._true.get(number, {"ids": np.zeros(0, np.int64), "boxes_xyxy": np.zeros((0, 4))})
        counts = held["scores"] > 0 if "scores" in held else slice(None)
        true = {key: held[key][counts][None] for key in ("ids", "boxes_xyxy")} | {"sequence": [self._name]}
        self._evaluator.update({key: answer[key][None] for key in ("ids", "boxes_xyxy")}, true)

    def result(self):
        """Figures by name."""
        return self._evaluator.result()


def judged(tracker, sequences):
    """Figures by name of a `MultiObject` on `Sequence`s. By appearance, embeddings of boxes that are not surely seen
    are not looked at, as `looked.Looked` does not. Raises KerasVisionError where the ground truth has no object.
    """
    evaluator = tracker.evaluator()
    for sequence in sequences:
        session, judge = Session(tracker, {}), Judge(evaluator, sequence.true, sequence.name)
        for number, inputs in sequence.frames:
            judge(number, session.step(_seen(tracker, inputs)))
    figures = evaluator.result()
    if not figures["objects"]:
        raise KerasVisionError("the ground truth has no object that counts; there is nothing to be good at")
    return figures


def digest(sequences):
    """str by which the same detections and the same ground truth are known again."""
    held = hashlib.sha256()
    for sequence in sequences:
        for part in (dict(sequence.frames), sequence.true):
            for number, arrays in sorted(part.items()):
                held.update(repr((number, sorted(arrays))).encode())
                for key in sorted(arrays):
                    held.update(np.ascontiguousarray(np.asarray(arrays[key], np.float64)).tobytes())
    return held.hexdigest()


def _seen(tracker, inputs):
    if not tracker.appearance or "embeddings" not in inputs:
        return inputs
    is_sure = np.asarray(inputs["scores"]) >= tracker.high_score
    return dict(inputs) | {"embeddings": np.where(is_sure[:, None], inputs["embeddings"], np.nan)}
