"""A model that tells how things look and a tracker as one system: crops of the frames of a video become embeddings."""

import dataclasses
import hashlib

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import systems
from kerasvision.systems.base import System
from kerasvision.systems.multi_object import MultiObject


@systems.register("looked")
@dataclasses.dataclass(frozen=True)
class Looked(System):
    """Final. A model of `embedding/` and `MultiObject` with `appearance`: `step` takes what that takes, and "image"
    uint8 [H, W, 3]. What is in a box is cut out, to whole pixels outward, and the model sees it as any picture, one at
    a time; only those that may be matched first, of a score of `high_score` or more, are looked at.

    Raises UsageError of a tracker without appearance, of no image, and of a model that gives no embedding.
    """

    models = ("embedder",)
    called = "tracker"

    tracker: MultiObject = MultiObject(appearance=1.0)

    def __post_init__(self):
        super().__post_init__()
        if not self.tracker.appearance:
            raise UsageError("appearance 0: nothing would be done with what objects look like; allowed: above 0")

    def start(self):
        return self.tracker.start()

    def step(self, models, state, inputs):
        if inputs.get("image") is None:
            raise UsageError("what objects look like needs the picture of each frame; give a VIDEO")
        image, boxes = np.asarray(inputs["image"]), np.asarray(inputs["boxes_xyxy"], np.float64).reshape(-1, 4)
        parts = [
            crop_of(image, box) if score >= self.tracker.high_score and np.isfinite(box).all() else None
            for box, score in zip(boxes, inputs["scores"], strict=True)
        ]
        return self.tracker.step({}, state, dict(inputs) | {"embeddings": _vectors(models["embedder"], parts, state)})

    def evaluator(self):
        """What judges the answers against ground truth, a new one."""
        return self.tracker.evaluator()


def crop_of(image, box_xyxy):
    """The pixels of uint8 [H, W, 3] that a box touches, or None where it has none of them."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(box_xyxy[:2]), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(box_xyxy[2:]), 0, (width, height)).astype(int)
    return image[low[1] : high[1], low[0] : high[0]] if (high > low).all() else None


def fingerprint(model):
    """str of what an embedding model says of a drawn picture, by which another one's looks are told from its own."""
    picture = np.random.default_rng(0).integers(0, 256, (1, 64, 48, 3)).astype(np.uint8)
    return hashlib.sha256(np.ascontiguousarray(_vector(model({"image": picture}))).tobytes()).hexdigest()


def _vectors(model, parts, state):
    """[N, D], NaN of what is None; D as of the state where nothing is to be seen."""
    held = [None if part is None else _vector(model({"image": part[None]})) for part in parts]
    size = next((len(v) for v in held if v is not None), state["looks"].shape[-1])
    return np.array([np.full(size, np.nan) if v is None else v for v in held]).reshape(len(parts), size)


def _vector(found):
    if "embedding" not in found:
        raise UsageError(f"the model answers {', '.join(sorted(found))}; how objects look takes a run of embedding/*")
    return found["embedding"][0]
