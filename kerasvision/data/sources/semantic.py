"""A mask of classes out of a source of objects with masks."""

import dataclasses

import tensorflow as tf

from kerasvision.core.component import hints, part
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sources._wrapping import Wrapping
from kerasvision.data.sources.base import Opened
from kerasvision.data.sources.image_mask import BACKGROUND
from kerasvision.ops.dense import IGNORE
from kerasvision.ops.resample import PER_OBJECT

OF_OBJECTS = ("boxes_xyxy", *PER_OBJECT)


@sources.register("semantic")
@dataclasses.dataclass(frozen=True)
class Semantic(Wrapping):
    """Samples: those of the source `of` with `mask` uint8 [H, W] in place of all that it says of single objects.

    of: `coco`, `voc`, `yolo` or `cut_paste`; its masks are read whatever its own field `masks` says. The mask is 0 for
    the background, 1 + label of the topmost object, and 255 where that object is difficult or only a crowd is. Of two
    objects the smaller one is on top, by the pixels of their masks, and of two equally large ones the later one; the
    masks of `cut_paste` are of what is seen, so they never overlap. skip_unreadable, skip_bad_boxes: set in `of` too.
    """

    of: part("sources")
    skip_unreadable: bool = False
    skip_bad_boxes: bool = False

    @property
    def labels(self):
        return (*(k for k in self.of.labels if k not in OF_OBJECTS), "mask")

    def open(self):
        what = f"semantic of {self.of.registered_name.split('/')[-1]} {self.path!r}"
        held = hints(type(self.of))
        if "masks" not in held:
            able = [name for name in sources if "masks" in hints(sources[name])]
            raise UsageError(f"{what}: it has no masks; allowed: {', '.join(able)}")
        opened = dataclasses.replace(self.lenient("skip_unreadable", "skip_bad_boxes"), masks=True).open()
        if BACKGROUND in opened.classes:
            raise KerasVisionError(f"{what}: a class is named {BACKGROUND!r}, as is what no object covers; rename it")
        if len(opened.classes) >= IGNORE:
            raise KerasVisionError(f"{what}: {len(opened.classes)} classes; allowed: {IGNORE - 1} or fewer")
        splits = {n: dataclasses.replace(s, read=_reading(s.read)) for n, s in opened.splits.items()}
        return Opened((BACKGROUND, *opened.classes), splits, opened.dropped)


def _reading(read):
    """`read` of a record into a sample with one mask."""

    def changed(record):
        sample = read(record)
        return {k: v for k, v in sample.items() if k not in OF_OBJECTS} | {"mask": _flat(sample)}

    return changed


def _flat(sample):
    """uint8 [H, W]: the objects, painted one over the other."""
    masks, is_crowd = sample["instance_masks"], sample["is_crowd"]
    is_ignored = is_crowd | sample.get("is_difficult", False)
    ids = tf.where(is_ignored, tf.constant(IGNORE, tf.uint8), tf.cast(sample["labels"] + 1, tf.uint8))
    # one by one: all masks at once in 32 bits would be four times what the sample is
    area = tf.map_fn(lambda mask: tf.reduce_sum(tf.cast(mask, tf.int32)), masks, tf.int32)
    largest = tf.fill(tf.shape(area), area.dtype.max)  # a crowd lies under what is marked one by one
    order = tf.argsort(tf.where(is_crowd, largest, area), direction="DESCENDING", stable=True)

    def paint(step, canvas):
        at = order[step]
        return step + 1, tf.where(masks[at] > 0, ids[at], canvas)

    canvas = tf.zeros(tf.shape(masks)[1:], tf.uint8)
    count = tf.shape(order)[0]
    shape = tf.TensorShape([None, None])
    _, mask = tf.while_loop(lambda step, _: step < count, paint, (0, canvas), (tf.TensorShape([]), shape))
    return tf.ensure_shape(mask, shape)
