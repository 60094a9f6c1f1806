"""One object followed through the frames of a video by a model that remembers and follows (`tracking/*`)."""

import dataclasses

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import systems
from kerasvision.metrics.following import Following
from kerasvision.ops import geometry as geo
from kerasvision.systems._frames import next_frame
from kerasvision.systems.base import System
from kerasvision.systems.index import drawn_pictures
from kerasvision.systems.looked import fingerprint_of

NEEDS = ("remember", "follow")


@systems.register("follow")
@dataclasses.dataclass(frozen=True)
class Follow(System):
    """Final. `step` takes {"time": seconds, "image": uint8 [H, W, 3]}, with the first "box_xyxy" [4] in pixels, what is
    to be followed; a later one is remembered instead. It answers {"box_xyxy" float32 [4], "score" [], "present" bool
    []}, in pixels of the image; where it is not present, the box is where it was last. Raises KerasVisionError of a box
    outside of the image or without an area, of frames that change their size, and where time does not go on.

    The state is a dict of arrays: saved and resumed, it goes on to the last bit. A model is asked frame by frame.
    """

    models = ("follower",)

    def start(self):
        return {"time": np.array(-np.inf), "size_hw": np.zeros(2, np.int64)}

    def step(self, models, state, inputs):
        model, image = models["follower"], np.asarray(inputs["image"])
        time, size = next_frame(state, inputs, image)
        frame, geometry = _fitted(image, _frame_size(model))
        common = {"time": np.array(time), "size_hw": size}
        if inputs.get("box_xyxy") is not None:
            box = checked_box(inputs["box_xyxy"], size)
            inside = (box * np.tile(geometry["scale_xy"][0], 2) + np.tile(geometry["offset_xy"][0], 2))[None]
            held = model.call("remember", {"image": frame, "box": inside.astype(np.float32)})
            answer = {"box_xyxy": box, "score": np.float32(1.0), "present": np.bool_(True)}
            return common | held, answer
        if "memory" not in state:
            raise UsageError("nothing is remembered yet; give the first frame with box_xyxy")
        kept = {k: v for k, v in state.items() if k not in common}
        found = model.call("follow", {"image": frame} | kept)
        if not all(np.isfinite(v).all() for v in found.values()):
            raise KerasVisionError(f"what the model says at {time:g} s is not finite; its weights or state are damaged")
        box = (found["box"][0] - np.tile(geometry["offset_xy"][0], 2)) / np.tile(geometry["scale_xy"][0], 2)
        answer = {"box_xyxy": box, "score": found["score"][0], "present": np.bool_(found["present"][0] > 0)}
        return common | kept | {k: v for k, v in found.items() if k in kept}, answer

    def evaluator(self):
        """What judges the answers against ground truth, a new one."""
        return Following()


def checked_box(box_xyxy, size_hw):
    """float32 [4], where it is a box within a picture; raises KerasVisionError, one line."""
    box = np.asarray(box_xyxy, np.float32).reshape(-1)
    h, w = (int(side) for side in size_hw)
    said = ",".join(f"{v:g}" for v in box)
    if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] <= box[:2]).any():
        raise KerasVisionError(f"box {said} has no area; give x0,y0,x1,y1 in pixels with x0 < x1 and y0 < y1")
    if box[0] >= w or box[1] >= h or (box[2:] <= 0).any():
        raise KerasVisionError(f"box {said} is outside of a frame of {w} x {h} pixels; give x0,y0,x1,y1 within it")
    return box


def check_follower(model, what):
    """Raises UsageError where a model cannot follow."""
    if not hasattr(model.arch, "frame_size"):
        raise UsageError(f"{what} ({model.arch.registered_name}) follows nothing; give a run or a file of tracking/*")


def identity_of(model):
    """Text: what a state of following belongs to. The size of the frames, what goes from frame to frame, and the
    fingerprint (`looked.fingerprint_of`) of what is remembered of the pictures that `systems.index` draws, by which
    `slots.same_identity` knows a model again in each of its files and on other machines.
    """
    height, width = _frame_size(model)
    box, said = np.float32([[width / 4, height / 4, 3 * width / 4, 3 * height / 4]]), []
    for picture in drawn_pictures():
        frame, _ = _fitted(picture, (height, width))
        held = model.call("remember", {"image": frame, "box": box})
        said.append(np.ravel(held["first"]))
    shapes = "+".join(f"{key}{np.shape(held[key])[1:]}".replace(" ", "") for key in sorted(held))
    return f"{height}x{width} {shapes} {fingerprint_of(said)}"


def _frame_size(model):
    check_follower(model, "the model")
    return tuple(model.arch.frame_size)


def _fitted(image, size_hw):
    """(uint8 [1, h, w, 3], geometry), as the architecture's own `geometry` does it."""
    frame, geometry = geo.fit_images(image[None], size_hw, "letterbox", antialias=True)
    return frame.numpy() if hasattr(frame, "numpy") else frame, {k: np.asarray(v) for k, v in geometry.items()}
