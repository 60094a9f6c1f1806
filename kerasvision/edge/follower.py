"""One object followed by a file alone: a box in the first frame, then frames in and boxes out. numpy and Pillow.

What a client carries from frame to frame is a dict of arrays: it may be kept, and gone on from exactly.
"""

import numpy as np

from kerasvision.edge.client import answered, encoded
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.independent.predicting import prepare

FUNCTIONS = ("remember", "follow")
_ANSWERS = ("score", "present")  # outputs of `follow` that are no state
_SIZE = "size_hw"  # of the frames, kept with what is remembered


class Follower:
    """What follows one object of one video, by the file of a `Client` of tracking/*. Raises EdgeError of another.

    state: {key: array}, empty before `begin`.
    """

    def __init__(self, client):
        functions = client.row.get("functions", {})
        if not set(FUNCTIONS) <= set(functions):
            raise EdgeError(f"{client.row.get('path', 'this file')} follows nothing; give a file of tracking/*")
        if "frames" not in client.contract["preprocess"]:
            raise EdgeError("contract.json does not say what a frame is; export the model again")
        self._rules, self._runtime = client.contract["preprocess"]["frames"], client.runtime
        self._inputs = functions["follow"]["inputs"]
        self.state = {}

    def begin(self, picture, box_xyxy):
        """The answer of the first frame, `box_xyxy` [4] in its pixels, what is followed from here on. picture: as of
        `Client.predict`. Raises EdgeError, one line, as `step` does.
        """
        image, geometry, size = self._frame(picture)
        box = _checked(box_xyxy, size)
        inside = box * np.tile(geometry["scale_xy"], 2) + np.tile(geometry["offset_xy"], 2)
        self.state = self._called("remember", {"image": image, "box": inside[None]}) | {_SIZE: np.int32(size)}
        return {"box_xyxy": box, "score": np.float32(1.0), "present": True}

    def step(self, picture):
        """{"box_xyxy" float32 [4] in pixels of the picture, "score", "present" bool} of the next frame; where it is not
        present, the box is where it was last.
        """
        if not self.state:
            raise EdgeError("nothing is remembered yet; begin with a box in the first frame")
        image, geometry, size = self._frame(picture)
        before = tuple(np.asarray(self.state.get(_SIZE, ())).tolist())
        if size != before:
            raise EdgeError(f"a frame of {size} pixels (h, w) after frames of {before}; a video has one size")
        found = self._called("follow", {"image": image} | self._kept())
        self.state = self.state | {key: value for key, value in found.items() if key not in _ANSWERS}
        box = (found["box"][0] - np.tile(geometry["offset_xy"], 2)) / np.tile(geometry["scale_xy"], 2)
        return {"box_xyxy": box, "score": found["score"][0], "present": bool(found["present"][0] > 0)}

    def _frame(self, picture):
        inputs, geometry = answered(lambda: prepare(self._rules, encoded(picture)), picture)
        return inputs["image"][None], geometry, tuple(int(side) for side in geometry["image_hw"])

    def _called(self, name, feed):
        found = self._runtime.call(name, feed)
        if not all(np.isfinite(value).all() for value in found.values()):
            raise EdgeError("what the model says is not finite; its weights or state are damaged")
        return found

    def _kept(self):
        """The state. Raises EdgeError of one that is of another model."""
        held = {}
        for key, row in self._inputs.items():
            if key == "image":
                continue
            shape, seen = tuple(side or 1 for side in row["shape"]), np.shape(self.state.get(key, ()))
            if seen != shape:
                raise EdgeError(f"the state is of another model: {key} is {seen} and this one has {shape}")
            held[key] = np.asarray(self.state[key], row["dtype"])
        return held


def line(number, answer):
    """The line of a frame as MOTChallenge has it (arXiv:2003.09003), "" where the object is not there. number: of the
    frame, from 0.
    """
    if not answer["present"]:
        return ""
    x1, y1, x2, y2 = answer["box_xyxy"]
    return f"{number + 1},1,{x1:.3f},{y1:.3f},{x2 - x1:.3f},{y2 - y1:.3f},{answer['score']:.6f},-1,-1,-1\n"


def _checked(box_xyxy, size_hw):
    box = np.asarray(box_xyxy, np.float32).reshape(-1)
    said = ",".join(f"{v:g}" for v in box)
    if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] <= box[:2]).any():
        raise EdgeError(f"box {said} has no area; give x0,y0,x1,y1 in pixels with x0 < x1 and y0 < y1")
    h, w = size_hw
    if box[0] >= w or box[1] >= h or (box[2:] <= 0).any():
        raise EdgeError(f"box {said} is outside of a frame of {w} x {h} pixels; give x0,y0,x1,y1 within it")
    return box
