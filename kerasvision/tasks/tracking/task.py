"""The contract of following one object: a picture with a box, another picture, and where the object is there.

Frames come to the file whole, at `frame_size`; windows are cut in the graph. `remember` and `follow` are its functions.
"""

import typing

import numpy as np
import tensorflow as tf

from kerasvision.backbones.base import Backbone
from kerasvision.core.errors import UsageError
from kerasvision.metrics.following import Following
from kerasvision.ops import geometry as geo
from kerasvision.ops.overlaps import overlaps
from kerasvision.tasks.base import Architecture, Input, Output
from kerasvision.tasks.image import LETTERBOX, require_in_place, rules_of

_IMAGES, _BOXES = ("exemplar", "search"), ("exemplar_box", "search_box")
_BEHIND = "augmentations/photometric/"


class SingleObject(Architecture):
    """Abstract. Every prediction is `box_xyxy` float32 [B, 4] in pixels of `search`, `score` [B], how sure it is that
    the object is there, and `present` int32 [B], 1 from `present_from` on; where it is 0, the box is `search_box`.

    A user sends `exemplar` and `search`, pictures; `exemplar_box` float32 [4], the object in the first, and
    `search_box`, where it was shortly before the second.
    """

    backbone: Backbone
    frame_size: tuple[int, int]
    present_from: float

    name: typing.ClassVar[str] = "tracking"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("box_xyxy", "present")
    main_metric: typing.ClassVar[str] = "success_auc"
    draws_noise: typing.ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        require_in_place(self)

    @property
    def outputs(self):
        kinds = {"box_xyxy": Output("float32", "pixel", (4,)), "score": Output("float32", "probability")}
        return kinds | {"present": Output("int32", "1: it is there")}

    @property
    def normalization(self):
        """What becomes of pixels before the graph."""
        return self.backbone.normalization

    def evaluator(self, classes):
        return Following()

    def check_phase(self, phase, batch_size):
        for part in phase.augment:
            if not part.registered_name.startswith(_BEHIND):
                raise UsageError(
                    f"{part.registered_name} moves what boxes are of, and {self.registered_name} is told boxes beside "
                    f"its pictures; allowed: {_BEHIND}*"
                )

    def load_pretrained(self, graph):
        self.backbone.load(graph)

    def serving_inputs(self):
        image, box = tf.TensorSpec([None, None, None, 3], tf.uint8), tf.TensorSpec([None, 4], tf.float32)
        held = {key: Input(image, "image") for key in _IMAGES} | {key: Input(box, "numbers") for key in _BOXES}
        return {key: held[key] for key in ("exemplar", "exemplar_box", "search", "search_box")}

    def prepared_inputs(self):
        frame = tf.TensorSpec([None, *self.frame_size, 3], tf.uint8)
        return {k: frame if k in _IMAGES else held.spec for k, held in self.serving_inputs().items()}

    def geometry(self, inputs):
        """Pictures become frames by letterboxing, boxes go with them. `near`: `search_box` in pixels of its frame."""
        prepared = {}
        for image, box in zip(_IMAGES, _BOXES, strict=True):
            prepared[image], geometry = geo.fit_images(inputs[image], self.frame_size, "letterbox", antialias=True)
            prepared[box] = _moved(inputs[box], geometry)
        return {k: prepared[k] for k in self.serving_inputs()}, geometry | {"near": prepared["search_box"]}

    def preprocessing(self):
        """Of kind "other", since boxes go with the pictures; `frames`: how each picture becomes a frame."""
        fitting = {"resize": "letterbox", "resample": "bilinear", **LETTERBOX}
        return super().preprocessing() | {"frames": rules_of(self.frame_size, self.normalization, fitting, True)}

    def no_geometry(self, prepared):
        size = tf.tile([list(self.frame_size)], [tf.shape(prepared["search"])[0], 1])
        return geo.identity(size) | {"near": prepared["search_box"]}

    def move_labels(self, sample, prepared, geometry):
        box = geo.move_boxes(sample["box_xyxy"], geometry)
        return sample | prepared | {"box_xyxy": box}

    def to_original_pixels(self, prediction, geometry):
        offset, scale = (np.tile(geometry[k], [1, 2]) for k in ("offset_xy", "scale_xy"))
        return prediction | {"box_xyxy": (prediction["box_xyxy"] - offset) / scale}

    def located(self, boxes_xyxy, scores, geometry):
        """A prediction of boxes in pixels of the frame [B, 4], and scores [B]."""
        present = scores >= self.present_from
        boxes = tf.where(present[:, None], boxes_xyxy, geometry["near"])
        offset, scale = (tf.tile(geometry[k], [1, 2]) for k in ("offset_xy", "scale_xy"))
        return {"box_xyxy": (boxes - offset) / scale, "score": scores, "present": tf.cast(present, tf.int32)}

    def compare(self, reference, other):
        """Of scores; a decision differs where presence does, or where boxes of what is there hardly overlap."""
        apart = np.abs(reference["score"] - other["score"])
        both = (reference["present"] > 0) & (other["present"] > 0)
        share = [
            overlaps(a[None], b[None])[0, 0] for a, b in zip(reference["box_xyxy"], other["box_xyxy"], strict=True)
        ]
        return apart, (reference["present"] != other["present"]) | (both & (np.array(share) < 0.5))

    def describe(self, prediction, classes):
        box = [round(float(v), 2) for v in prediction["box_xyxy"]]
        return {"box_xyxy": box, "score": float(prediction["score"]), "present": bool(prediction["present"])}


def _moved(boxes, geometry):
    return boxes * tf.tile(geometry["scale_xy"], [1, 2]) + tf.tile(geometry["offset_xy"], [1, 2])
