"""Images some of whose pixels are missing."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data.augment import draws
from kerasvision.data.decode import decode, decode_present
from kerasvision.data.missing import Shape, drawn_present, without
from kerasvision.data.sources._wrapping import Wrapping, numbered
from kerasvision.data.sources.base import Opened


@sources.register("incomplete")
@dataclasses.dataclass(frozen=True)
class Incomplete(Wrapping):
    """Samples: those of the source `of` with `present` uint8 [H, W], 0 where a pixel of `image` is missing.

    missing: "quadrant", "rectangle" or "patches" are drawn (`data.missing`; area, patches as there), a record's from
    the seed and its number in its split alone, to measure what missing pixels cost; `whole` uint8 [H, W, 3] keeps what
    was there. "transparent": those that a PNG or WebP file says are wholly transparent, and there is no `whole`.
    """

    adds: typing.ClassVar[tuple[str, ...]] = ("present", "whole")

    of: part("sources")
    missing: typing.Literal["transparent", "quadrant", "rectangle", "patches"] = "transparent"
    area: tuple[float, float] = (0.1, 0.4)
    patches: tuple[int, int] = (4, 4)
    seed: int = 0
    skip_unreadable: bool = False

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, area=(0, 1), patches=(1, 1000))

    def open(self):
        opened = self.lenient("skip_unreadable").open()
        splits = {name: self._with_holes(split, number) for number, (name, split) in enumerate(opened.splits.items())}
        return Opened(opened.classes, splits, opened.dropped)

    def _with_holes(self, split, number):
        """number: of the split, so that the holes of one do not follow those of another."""
        keys = set(split.read_spec)
        wanted = {"image_bytes"} if self.missing == "transparent" else {"image", "image_bytes"}
        if not keys & wanted:
            raise UsageError(
                f"incomplete of {self.of.registered_name}: its samples have {', '.join(sorted(keys))}; "
                f"missing={self.missing!r} needs {' or '.join(sorted(wanted))}"
            )
        records = numbered(split)
        transparent = self.missing == "transparent"
        read = self._transparent(split.read) if transparent else self._drawn(split.read, number, self.missing)
        return dataclasses.replace(split, records=records, read=read)

    def _transparent(self, read):
        def changed(record):
            sample = read(record["record"])
            encoded = sample["image_bytes"]
            return {k: v for k, v in sample.items() if k != "image_bytes"} | decode_present(encoded)

        return changed

    def _drawn(self, read, number, shape: Shape):
        def changed(record):
            sample = read(record["record"])
            if "image_bytes" in sample:
                encoded = sample["image_bytes"]
                sample = {k: v for k, v in sample.items() if k != "image_bytes"} | {"image": decode(encoded)}
            seed = tf.stack([tf.constant(self.seed, tf.int32), tf.cast(record["number"], tf.int32)])
            seed = tf.random.experimental.stateless_fold_in(seed, number)
            return without(sample, drawn_present(shape, tf.shape(sample["image"])[:2], seed, self.area, self.patches))

        return changed
