"""A source of scratch: pictures and labels in one .npz file. Nothing else knows of it."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.registry import sources
from kerasvision.data.sources.base import Opened, Source, Split


@sources.register("packed")
@dataclasses.dataclass(frozen=True)
class Packed(Source):
    """Samples: `image` uint8 [H, W, 3] and `label` int32 of the file's arrays `images` and `labels`; every fourth is
    of the test split.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("label",)
    suffixes: typing.ClassVar[tuple[str, ...]] = (".npz",)
    opens: typing.ClassVar[str] = "an .npz file of images and labels"

    path: str

    @classmethod
    def detects(cls, path):
        return path.is_file() and {"images", "labels"} <= set(np.load(path))

    def open(self):
        held = np.load(self.path)
        images, labels = held["images"], held["labels"].astype(np.int32)
        is_test = np.arange(len(labels)) % 4 == 3
        splits = {}
        for name, chosen in (("train", ~is_test), ("test", is_test)):
            records = tf.data.Dataset.from_tensor_slices({"image": images[chosen], "label": labels[chosen]})
            splits[name] = Split(records, dict, int(chosen.sum()))
        return Opened(tuple(map(str, range(labels.max() + 1))), splits)
