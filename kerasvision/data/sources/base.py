"""The contract of every data source."""

import abc
import collections
import dataclasses
import typing

import tensorflow as tf

from kerasvision.core import registry
from kerasvision.core.component import Component
from kerasvision.data import class_names, decode


@dataclasses.dataclass(frozen=True)
class Split:
    """One split: light records (a path, a label, or encoded bytes) and how to read one into a sample.

    records: a finite `tf.data.Dataset` in a fixed order, cheap to shuffle and to skip. read: record -> sample, pure
    TensorFlow. A sample has `image` uint8 [H, W, 3] or `image_bytes` (encoded; the pipeline decodes it), and labels:
    `label` int32 for one class, `labels` int32 [N] for several, `mask` uint8 [H, W] for one a pixel (255: ignored),
    `targets` float32 [N] for numbers. Or it has `volume` float32 [D, H, W, C], `spacing_mm` float32 [3] and perhaps
    `mask` uint8 [D, H, W].
    size: number of records. shuffle_buffer: how many records may be held in memory for shuffling; a source whose
    records are heavy says fewer. classes: their names, for messages; `with_validation` fills them in. groups: a number
    a record, equal for records that must not part (pictures of one patient, of one sequence, or of equal bytes), in a
    cut, a fold of a certificate or a draw of an interval; empty: none do. strata: where there are groups, a class a
    record, which the shares of a cut follow. by_class: a cut holds out whole classes, so that none is trained on that
    judges; groups then hold each class together.
    """

    records: tf.data.Dataset
    read: typing.Callable
    size: int
    shuffle_buffer: int = 100_000
    classes: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    strata: tuple[int, ...] = ()
    by_class: bool = False

    def __post_init__(self):
        # it is TensorFlow already, and tracing it through AutoGraph takes several times as long
        object.__setattr__(self, "read", tf.autograph.experimental.do_not_convert(self.read))

    @property
    def read_spec(self):
        """Key of a sample -> TensorSpec, without reading one."""
        return self.records.map(self.read).element_spec

    def label_sets(self):
        """{class indices, in order: how many examples have just these}, where samples have `labels`."""
        counts = collections.Counter()
        for labels in self.records.map(lambda record: self.read(record)["labels"]).as_numpy_iterator():
            counts[tuple(sorted({int(k) for k in labels}))] += 1
        return counts


@dataclasses.dataclass(frozen=True)
class Opened:
    """A source that has been looked at: class names, and the splits by name ("train", "validation", "test").

    dropped: what was left out and why, and what a reader of the data should know, one line each; a line's first word is
    its kind, one of `data/inspect/findings.py`. Names that cannot be lines of a file are refused here, of every source.
    """

    classes: tuple[str, ...]
    splits: dict[str, Split]
    dropped: tuple[str, ...] = ()

    def __post_init__(self):
        class_names.checked(self.classes, "class names of the data")


class Source(Component):
    """Abstract. Final subclasses are frozen dataclasses; their fields say where and how.

    What they say of their kind of data is all that the rest knows of it; whoever has a path asks them (`_detect.py`).
    """

    kind = "sources"
    labels: typing.ClassVar[tuple[str, ...]] = ()  # keys that its samples may have beside inputs, path and image_id
    suffixes: typing.ClassVar[tuple[str, ...]] = ()  # of the files that a person names alone, in lower case
    opens: typing.ClassVar[str] = ""  # what a person names alone, in words, for messages
    form: typing.ClassVar[str] = "PATH"  # what goes behind `NAME:`; "" where the name is all that there is to say
    is_general: typing.ClassVar[bool] = False  # asked about a path where no other source has detected its kind

    @abc.abstractmethod
    def open(self) -> Opened:
        """Look at the data. Anything wrong with it is one clear `KerasVisionError`."""

    @classmethod
    def detects(cls, path):
        """Whether what lies at a `pathlib.Path` is of this source's kind. Asked of folders, and of files with one of
        `suffixes`; looks at names and at the heads of files.
        """
        return path.is_file()

    @classmethod
    def from_text(cls, text):
        """The source of what a person types: a path that it has detected, or what stands behind `NAME:`."""
        return registry.make(cls, {"path": text} if cls.form else {})


@dataclasses.dataclass(frozen=True)
class Pictures(Source):
    """Abstract. A source of encoded pictures, which may carry an EXIF orientation.

    orientation: which pixels the labels were drawn on. "upright": on the picture as it is shown, as every tool for
    labeling does today. "stored": on the stored pixels, by a tool that ignores the tag; the tag is then taken away
    where a sample is read, from masks as well, and stored pixels count. Sizes and boxes are of these pixels.
    """

    orientation: typing.Literal["upright", "stored"] = dataclasses.field(default="upright", kw_only=True)

    def as_labeled(self, opened):
        """What was opened, whose samples have the pixels that the labels were drawn on."""
        if self.orientation == "upright":
            return opened
        splits = {n: dataclasses.replace(s, read=_of_stored(s.read)) for n, s in opened.splits.items()}
        return dataclasses.replace(opened, splits=splits)


def _of_stored(read):
    def changed(record):
        sample = read(record)
        return sample | {"image_bytes": decode.stored(sample["image_bytes"])}

    return changed
