"""Whether an image shows an object of some classes, out of a source of objects with boxes."""

import dataclasses

import tensorflow as tf

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data.sources._wrapping import Wrapping
from kerasvision.data.sources.base import Opened
from kerasvision.data.sources.semantic import OF_OBJECTS


@sources.register("contains")
@dataclasses.dataclass(frozen=True)
class Contains(Wrapping):
    """Samples: those of the source `of` with `label` int32 in place of all that it says of single objects: 1 where an
    object of one of these classes is in the image, whatever part of it is hidden, difficult and crowds too; else 0.

    of: `coco`, `voc`, `yolo` or `cut_paste`. objects: names of its classes; empty: all of them. name: of the class 1;
    that of class 0 is "no " and it. skip_unreadable, skip_bad_boxes: set in `of` too.
    """

    of: part("sources")
    objects: tuple[str, ...] = ()
    name: str = "object"
    skip_unreadable: bool = False
    skip_bad_boxes: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not self.name.strip():
            raise UsageError("contains.name is empty; write what is looked for, as in 'animal'")

    @property
    def labels(self):
        return (*(k for k in self.of.labels if k not in OF_OBJECTS), "label")

    def open(self):
        what = f"contains of {self.of.registered_name.split('/')[-1]} {self.path!r}"
        opened = self.lenient("skip_unreadable", "skip_bad_boxes").open()
        held = next(iter(opened.splits.values())).read_spec
        if not {"labels", "boxes_xyxy"} <= set(held):
            raise UsageError(f"{what}: its samples have {', '.join(sorted(held))}; needed: boxes_xyxy with labels")
        for name in self.objects:
            if name not in opened.classes:
                raise UsageError(f"{what}: no class {name!r}; {close_matches(name, opened.classes)}")
        wanted = [i for i, name in enumerate(opened.classes) if not self.objects or name in self.objects]
        splits = {n: dataclasses.replace(s, read=_reading(s.read, wanted)) for n, s in opened.splits.items()}
        return Opened((f"no {self.name}", self.name), splits, opened.dropped)


def _reading(read, wanted):
    """`read` of a record into a sample with one label. wanted: ints, of the classes that are looked for."""

    def changed(record):
        sample = read(record)
        is_one = tf.equal(sample["labels"][:, None], tf.constant(wanted, sample["labels"].dtype))
        label = tf.cast(tf.reduce_any(is_one), tf.int32)
        return {k: v for k, v in sample.items() if k not in OF_OBJECTS} | {"label": label}

    return changed
