"""A video followed by a file alone: frames in, the same objects under the same numbers out. numpy and Pillow.

What a client carries from frame to frame is a dict of arrays: it may be kept, and gone on from exactly.
"""

import numpy as np

from kerasvision.edge.client import answered, encoded
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.independent.predicting import prepare

FUNCTION = "step"
_BESIDE = ("image", "seconds")  # inputs that are no state


class Following:
    """A tracker of one video, by the file of a `Client` that has one inside. Raises EdgeError where it has none.

    state: {key: array}, empty at first. time: of the last frame. left_out: how often an object had no slot.
    """

    def __init__(self, client):
        row = client.row
        if FUNCTION not in row.get("functions", {}):
            raise EdgeError(f"{row.get('path', 'this file')} has no tracker; export it with model.slots.count=32")
        self._contract, self._runtime = client.contract, client.runtime
        self._inputs = row["functions"][FUNCTION]["inputs"]
        self.state, self.time, self.left_out, self._size = {}, None, 0, None

    def step(self, picture, time):
        """{"ids" int64 [M], "boxes_xyxy" float32 [M, 4] in pixels of the picture, "scores" [M], "labels" [M]} of one
        frame, by rising id. picture: as of `Client.predict`. time: seconds. Raises EdgeError, one line.
        """
        before = -np.inf if self.time is None else self.time
        if not (np.isfinite(time) and time > before):
            raise EdgeError(f"a frame of {time:g} s after one of {before:g} s; time goes on from frame to frame")
        inputs, geometry = answered(lambda: prepare(self._contract["preprocess"], encoded(picture)), picture)
        size = tuple(int(side) for side in geometry["image_hw"])
        if self._size not in (None, size):
            raise EdgeError(f"a frame of {size} pixels (h, w) after frames of {self._size}; a video has one size")
        seconds = np.float32([[0.0 if self.time is None else time - self.time]])
        sent = {"image": inputs["image"][None], "seconds": seconds} | self._kept()
        found = self._runtime.call(FUNCTION, {key: sent[key] for key in self._inputs})
        self.state = {key: found[key] for key in self._inputs if key not in _BESIDE}
        self.time, self._size = time, size
        self.left_out += int(np.sum(found["left_out"]))
        return _answer(found, geometry)

    def _kept(self):
        """The state, zeros where there is none. Raises EdgeError of one that is of another model."""
        held = {}
        for key, row in self._inputs.items():
            if key in _BESIDE:
                continue
            shape = tuple(side or 1 for side in row["shape"])
            value = self.state.get(key, ()) if self.state else np.zeros(shape)
            if np.shape(value) != shape:
                raise EdgeError(f"the state is of another model: {key} is {np.shape(value)} and this one has {shape}")
            held[key] = np.asarray(value, row["dtype"])
        return held


def _answer(found, geometry):
    ids = found["ids"][0]
    rows = [row for row in np.argsort(ids, kind="stable") if ids[row] > 0]
    scale, offset = np.tile(geometry["scale_xy"], 2), np.tile(geometry["offset_xy"], 2)
    return {
        "ids": ids[rows].astype(np.int64),
        "boxes_xyxy": (found["boxes_xyxy"][0][rows] - offset) / scale,
        "scores": found["scores"][0][rows],
        "labels": found["labels"][0][rows],
    }


def lines(number, answer):
    """The lines of a frame as MOTChallenge has them (arXiv:2003.09003). number: of the frame, from 0."""
    rows = zip(answer["ids"], answer["boxes_xyxy"], answer["scores"], strict=True)
    return "".join(
        f"{number + 1},{i},{x1:.3f},{y1:.3f},{x2 - x1:.3f},{y2 - y1:.3f},{score:.6f},-1,-1,-1\n"
        for i, (x1, y1, x2, y2), score in rows
    )
