"""A model that tells how things look and a tracker as one system: crops of the frames of a video become embeddings."""

import base64
import dataclasses
import types

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import systems
from kerasvision.ops.colors import color_looks
from kerasvision.systems.base import System
from kerasvision.systems.index import ALIKE, drawn_pictures
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
        is_sure = [score >= self.tracker.high_score for score in inputs["scores"]]
        looks = looks_of(models["embedder"], image, boxes, is_sure, state["looks"].shape[-1])
        return self.tracker.step({}, state, dict(inputs) | {"embeddings": looks})

    def evaluator(self):
        """What judges the answers against ground truth, a new one."""
        return self.tracker.evaluator()


class Colors:
    """Final. What stands for an embedding model where nothing is trained: histograms of colors (`ops.colors`)."""

    arch = types.SimpleNamespace(outputs=("embedding",), registered_name="colors")
    classes = ()

    def __call__(self, inputs):
        """{"image": uint8 [B, H, W, 3]} -> {"embedding": float32 [B, 64]}."""
        image = np.asarray(inputs["image"])
        whole = np.float32([[[0, 0, image.shape[2], image.shape[1]]]] * len(image))
        return {"embedding": color_looks(image, whole).numpy()[:, 0]}


def crop_of(image, box_xyxy):
    """The pixels of uint8 [H, W, 3] that a box touches, or None where it has none of them."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(box_xyxy[:2]), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(box_xyxy[2:]), 0, (width, height)).astype(int)
    return image[low[1] : high[1], low[0] : high[0]] if (high > low).all() else None


def fingerprint(model):
    """str of what an embedding model says of the pictures that `systems.index` draws, by which another one's looks are
    told from its own (`same_model`): unit vectors of float16 in base64.
    """
    return fingerprint_of([_vector(model({"image": picture[None]})) for picture in drawn_pictures()])


def fingerprint_of(vectors):
    """The same of what has been said of these pictures: [P, D], of any length."""
    held = np.float64(vectors)
    lengths = np.linalg.norm(held, axis=1, keepdims=True)
    held = np.divide(held, lengths, out=np.zeros_like(held), where=lengths > 0)
    return base64.b64encode(held.astype("<f2").tobytes()).decode()


def same_model(one, other):
    """Whether two `fingerprint`s are of one embedder, whichever of its files it was and whatever machine rounded them:
    a mean cosine of `systems.index.ALIKE` or more. Texts that are no fingerprints are the same where they are equal.
    """
    if one == other:
        return True
    try:
        held = [np.frombuffer(base64.b64decode(text, validate=True), "<f2") for text in (one, other)]
    except ValueError:
        return False
    if not held[0].size or held[0].shape != held[1].shape:
        return False
    return bool(np.float64(held[0]) @ np.float64(held[1]) / len(drawn_pictures()) >= ALIKE)  # nor what is no number


def looks_of(model, image, boxes, which, size=0):
    """[N, D]: what an embedding model says of the pixels in each box, NaN of those that are not looked at: not in
    `which`, bool [N], not finite or without a pixel. size: D where nothing is looked at.
    """
    held = []
    for box, counts in zip(boxes, which, strict=True):
        part = crop_of(image, box) if counts and np.isfinite(box).all() else None
        held.append(None if part is None else _vector(model({"image": part[None]})))
    size = next((len(v) for v in held if v is not None), size)
    return np.array([np.full(size, np.nan) if v is None else v for v in held]).reshape(len(held), size)


def _vector(found):
    if "embedding" not in found:
        raise UsageError(f"the model answers {', '.join(sorted(found))}; how objects look takes a run of embedding/*")
    return found["embedding"][0]
