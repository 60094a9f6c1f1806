"""Targets of instance segmentation: a detector's, and an object's mask."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.masks import INSIDE, paste_masks
from kerasvision.tasks.detection._targets import ANSWERS, BoxTarget, BoxTargets
from kerasvision.tasks.targets import Target, Targets


@dataclasses.dataclass(frozen=True, eq=False)
class MaskTarget(Target):
    """The mean logit or probability of an object's mask over its own cells, of the proposal whose box overlaps the
    object's most; 0 where none does by an IoU of 0.5 or more.

    box: the object's `BoxTarget`. cells: bool [m, m] in the frame of its box, those that are the object's now, one at
    least. region: bool [h, w], the mask in the pixels of the graph.
    """

    box: BoxTarget
    cells: typing.Any
    region: typing.Any
    text: str = ""
    of: typing.Literal["logit", "probability"] = "logit"

    def __post_init__(self):
        if not np.any(self.cells):
            raise KerasVisionError(f"{self.text}: no pixel of its box is the object's, so there is no mask to explain")

    def score(self, found):
        overlap = box_ops.iou(_boxes(found, self.box), tf.constant(self.box.box_xyxy, tf.float32))
        best = tf.argmax(overlap, 1, output_type=tf.int32)
        own = tf.gather(found["masks"][..., self.box.index], best, batch_dims=1)  # [B, m, m]
        own = tf.sigmoid(own) if self.of == "probability" else own
        cells = tf.constant(self.cells, tf.float32)
        mean = tf.reduce_sum(own * cells, [1, 2]) / tf.reduce_sum(cells)
        return tf.where(tf.reduce_max(overlap, 1) >= ANSWERS, mean, 0.0)

    def likely(self):
        return dataclasses.replace(self, of="probability")


@dataclasses.dataclass(frozen=True)
class MaskTargets(Targets):
    """arch: a `MaskRCNN`."""

    arch: typing.Any

    answered: typing.ClassVar[tuple[str, ...]] = BoxTargets.answered
    flags: typing.ClassVar[dict[str, str]] = BoxTargets.flags | {
        "mask": "the mask of an object, by its number in predict --json, from 0",
    }

    def chosen(self, raw, geometry, classes, asked):
        if not asked.mask:
            return BoxTargets(self.arch).chosen(raw, geometry, classes, asked)
        if asked.box or asked.label:
            raise UsageError("--mask names objects by itself; leave out --box and --label")
        if "regions_xyxy" not in raw:
            raise UsageError("--mask looks at what a mask is made of, and this file shows its answer alone; take a run")
        boxes = BoxTargets(self.arch, "mask")
        held = boxes.chosen(raw, geometry, classes, dataclasses.replace(asked, box=asked.mask, mask=()))
        return [self._of(box, raw) for box in held]

    def feature_maps(self, graph):
        return BoxTargets(self.arch).feature_maps(graph)

    def _of(self, box, raw):
        """The target of a box's mask."""
        overlap = box_ops.iou(_boxes(raw, box), tf.constant(box.box_xyxy, tf.float32))[0]
        best = int(tf.argmax(overlap))
        mask = tf.sigmoid(raw["masks"][0, best, ..., box.index]).numpy()
        place = _boxes(raw, box)[0, best].numpy()
        region = paste_masks(mask[None], place[None], self.arch.image_size)[0]
        return MaskTarget(box, mask >= INSIDE, np.asarray(region, bool), f"mask of {box.text}")


def _boxes(found, box):
    """Boxes of the proposals [B, R, 4], cut as the object's own is."""
    low, high = (tf.constant(box.frame_xyxy[part] * 2) for part in (slice(0, 2), slice(2, 4)))
    return tf.clip_by_value(found["regions_xyxy"], low, high)
