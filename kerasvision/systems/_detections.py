"""What a detector says of a frame, as a tracker takes it."""

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.systems._association import to_center


def read_boxes(inputs, before, least):
    """(seconds, {"observed": [M, 4] center, width and height, "score": [M], "label": int64 [M]}, bool [N] which of all
    boxes these are): those that have an area and a score of `least` or more.

    inputs: {"time": seconds, "boxes_xyxy": [N, 4], "scores": [N], perhaps "labels": [N]}. before: time of the frame
    before. Raises KerasVisionError where time does not go on, numbers are not finite or are not as many.
    """
    time = float(inputs["time"])
    if not time > before or not np.isfinite(time):
        raise KerasVisionError(f"a frame of {time:g} s after one of {before:g} s; time goes on from frame to frame")
    boxes = np.asarray(inputs["boxes_xyxy"], np.float64).reshape(-1, 4)
    scores = np.asarray(inputs["scores"], np.float64)
    labels = np.asarray(inputs.get("labels", np.zeros(len(boxes))), np.int64)
    if not len(boxes) == len(scores) == len(labels):
        raise KerasVisionError(f"{len(boxes)} boxes, {len(scores)} scores and {len(labels)} labels; give one each")
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise KerasVisionError(f"a box or score of the frame at {time:g} s is not a finite number")
    counts = (scores >= least) & (boxes[:, 2:] > boxes[:, :2]).all(1)
    return time, {"observed": to_center(boxes[counts]), "score": scores[counts], "label": labels[counts]}, counts
