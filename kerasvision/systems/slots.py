"""Many objects followed by the tracker that a detector's file has inside: its function `step`, frame by frame."""

import dataclasses

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import systems
from kerasvision.metrics.tracking import Tracking
from kerasvision.ops.slots import state_shapes
from kerasvision.systems._frames import next_frame
from kerasvision.systems.base import System
from kerasvision.systems.looked import same_model

_OWN = ("time", "size_hw", "left_out")


@systems.register("slots")
@dataclasses.dataclass(frozen=True)
class InGraph(System):
    """Final. `step` takes {"time": seconds, "image": uint8 [H, W, 3]} and answers {"boxes_xyxy" float32 [M, 4] in
    pixels of the image, "ids" int64 [M], from 1, "scores" [M], "labels" int64 [M]} of the objects that are seen, by
    rising id. Where more objects are there than `model.slots.count`, the surest are followed; `left_out` of the state
    counts the others, frame by frame. Raises KerasVisionError where time does not go on, frames change their size, an
    answer is not finite or a state is of another model.
    """

    models = ("detector",)
    called = "tracker"

    def start(self):
        return {"time": np.array(-np.inf), "size_hw": np.zeros(2, np.int64), "left_out": np.array(0)}

    def step(self, models, state, inputs):
        model, image = models["detector"], np.asarray(inputs["image"])
        time, size = next_frame(state, inputs, image)
        kept = checked_state({k: v for k, v in state.items() if k not in _OWN}, state_of(model.arch.slots))
        seconds = time - float(state["time"]) if np.isfinite(state["time"]) else 0.0
        frame, geometry = model.arch.geometry({"image": image[None]})
        sent = {"image": np.asarray(frame["image"]), "seconds": np.float32([[seconds]])}
        found = model.call("step", sent | kept)
        if not all(np.isfinite(found[k]).all() for k in ("boxes_xyxy", "scores", *kept)):
            raise KerasVisionError(f"what the model says at {time:g} s is not finite; its weights or state are damaged")
        left = state["left_out"] + int(np.sum(found["left_out"]))
        common = {"time": np.array(time), "size_hw": size, "left_out": np.array(left)}
        return common | {k: found[k] for k in kept}, _answer(found, geometry)

    def evaluator(self):
        """What judges the answers against ground truth, a new one."""
        return Tracking()


def has_own_tracker(arch):
    """Whether a model's function `step` follows objects."""
    return bool(getattr(getattr(arch, "slots", None), "count", 0))


def identity_of(arch):
    """Text: what a state of the tracker in a file belongs to; last the embedder's fingerprint, where the file says it
    (`Slots.look_model`).
    """
    return f"{arch.image_size} {arch.slots} {arch.slots.look_model}".rstrip()


def same_identity(one, other):
    """Whether two texts of `identity_of`, or fingerprints alone, are of one tracker: the fingerprints as
    `looked.same_model` says, all else to the letter.
    """
    (shape, _, model), (other_shape, _, other_model) = (text.rpartition(" ") for text in (one, other))
    return shape == other_shape and same_model(model, other_model)


def state_of(slots):
    """key -> the empty state of a tracker of slots, float32 [1, ...]."""
    return {k: np.zeros((1, *shape), np.float32) for k, shape in state_shapes(slots).items()}


def checked_state(state, empty):
    """A state, or the empty one in place of none. Raises UsageError of one that is of another model."""
    if not state:
        return empty
    for key, value in empty.items():
        seen = np.shape(state[key]) if key in state else "missing"
        if seen != value.shape:
            raise UsageError(
                f"the state is of another model: {key} is {seen} and this one has {value.shape}; begin anew"
            )
    return {key: np.asarray(state[key], np.float32) for key in empty}


def _answer(found, geometry):
    ids = np.asarray(found["ids"])[0]
    rows = [row for row in np.argsort(ids, kind="stable") if ids[row] > 0]
    offset, scale = (np.tile(np.asarray(geometry[k])[0], 2) for k in ("offset_xy", "scale_xy"))
    return {
        "boxes_xyxy": (np.asarray(found["boxes_xyxy"])[0][rows] - offset) / scale,
        "ids": ids[rows].astype(np.int64),
        "scores": np.asarray(found["scores"])[0][rows],
        "labels": np.asarray(found["labels"])[0][rows].astype(np.int64),
    }
