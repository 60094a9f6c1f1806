"""Any data set of TensorFlow Datasets that has images and classes, masks of classes, boxes or numbers."""

import contextlib
import dataclasses
import pathlib
import socket
import sys
import typing
import urllib.parse
import urllib.request

import tensorflow as tf

from kerasvision.core.errors import SAYS, KerasVisionError, UsageError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data.decode import image_hw, stored
from kerasvision.data.sources._tfds_labels import boxes_of, has_boxes, numbers_of
from kerasvision.data.sources.base import Opened, Pictures, Split
from kerasvision.ops.dense import IGNORE

_SHUFFLE_BYTES = 512 * 2**20  # memory for records that wait to be shuffled


@sources.register("tfds")
@dataclasses.dataclass(frozen=True)
class Tfds(Pictures):
    """Samples: `image_bytes` as stored (the pipeline decodes them to RGB), and `label` int32, `labels` int32 [N],
    `mask` uint8 [H, W], `boxes_xyxy` float32 [N, 4] in pixels with `labels` int32 [N], or `targets` float32 [N].

    name: as TFDS spells it, "cifar10" or "oxford_flowers102:2.1.1". data_dir: where it is prepared; empty takes TFDS's
    own folder. train, validation, test: split expressions such as "train[:90%]"; "auto" takes the split of that name
    where the data set has one, "" none. image_key, label_key: its features: an Image, and a ClassLabel (one class), a
    Sequence of ClassLabel (several), a Sequence of objects with a BBoxFeature and a ClassLabel (`objects` of coco, voc
    and others) or an Image of one channel (a mask). classes: names for a mask that has none, the background's first;
    values: which value of a mask is which class (default: its index); 255 is ignored. download: fetch and prepare what
    is not there yet. target_keys: features of numbers, or vectors of them, in place of label_key; their names, or
    `classes`, stand for the classes. skip_bad_boxes: leave out boxes without area or outside of their image in place of
    refusing the example.
    The order is that of the files, the same in every run.
    """

    labels: typing.ClassVar[tuple[str, ...]] = (
        *("label", "labels", "mask", "targets"),
        *("boxes_xyxy", "is_crowd", "is_difficult", "is_truncated"),
    )
    form: typing.ClassVar[str] = "NAME"

    name: str
    data_dir: str = ""
    train: str = "train"
    validation: str = "auto"
    test: str = "auto"
    image_key: str = "image"
    label_key: str = "label"
    classes: tuple[str, ...] = ()
    values: tuple[int, ...] = ()
    download: bool = True
    target_keys: tuple[str, ...] = ()
    skip_bad_boxes: bool = False

    @classmethod
    def from_text(cls, text):
        return cls(name=text)

    def open(self):
        what = f"tfds {self.name!r}"
        tfds = _import(what)
        builder = self._builder(tfds, what)
        if not builder.is_prepared():
            _prepare(tfds, builder, what, self.download)
        names, wanted, labels = self._labels(tfds, builder, what)
        splits = {}
        for role, expression in (("train", self.train), ("validation", self.validation), ("test", self.test)):
            if expression == "auto":
                expression = role if role in builder.info.splits else ""
            if expression:
                splits[role] = self._split(tfds, builder, expression, wanted, labels, f"{what}: {role}={expression!r}")
        if "train" not in splits:
            raise UsageError(f"{what}: no training split; it has {', '.join(builder.info.splits)}; set train=SPLIT")
        return self.as_labeled(Opened(tuple(names), splits))

    def _builder(self, tfds, what):
        try:
            return tfds.builder(self.name, data_dir=self.data_dir or None)
        except tfds.core.registered.DatasetNotFoundError:
            hint = close_matches(self.name, tfds.list_builders(with_community_datasets=False))
            raise UsageError(f"{what}: TFDS has no such data set; {hint}") from None
        except Exception as error:  # TFDS raises what its builders raise: assertions, imports, values
            raise KerasVisionError(f"{what}: {_line(error)}") from None

    def _labels(self, tfds, builder, what):
        """(names of classes, wanted features, function of a record and its image's size that returns a part of a
        sample); the image is checked too.
        """
        features = builder.info.features
        for field in ("image_key",) if self.target_keys else ("image_key", "label_key"):
            if getattr(self, field) not in features:
                raise UsageError(
                    f"{what}: no feature {getattr(self, field)!r}; it has {', '.join(features)}; set {field}"
                )
        image, key = features[self.image_key], self.label_key
        if not (isinstance(image, tfds.features.Image) and image.tf_dtype in (tf.uint8, tf.uint16)):
            raise KerasVisionError(f"{what}: feature {self.image_key!r} is {image}, not an Image of integers")
        if self.target_keys:
            return numbers_of(features, self.target_keys, self.classes, what)
        label = features[key]
        if has_boxes(tfds, label):
            return boxes_of(tfds, label, key, self.skip_bad_boxes, what)
        if isinstance(label, tfds.features.Image):
            names, of_mask = self._masks(label, what)
            return names, {key: True}, lambda record, content: _of_one_size(of_mask(record[key]), content, what)
        found = "label" if isinstance(label, tfds.features.ClassLabel) else "labels"
        label = getattr(label, "feature", label)
        if not isinstance(label, tfds.features.ClassLabel):
            raise KerasVisionError(
                f"{what}: feature {key!r} is {' '.join(str(label).split())}, not a ClassLabel; set label_key, or "
                "target_keys for numbers"
            )
        return label.names, {key: True}, lambda record, content: {found: tf.cast(record[key], tf.int32)}

    def _masks(self, feature, what):
        """(names of classes, function of what TFDS gives that returns a mask), of a picture of values."""
        if feature.shape[-1] != 1 or feature.tf_dtype != tf.uint8:
            raise KerasVisionError(f"{what}: feature {self.label_key!r} is {feature}, no mask of bytes; set label_key")
        names = self.classes or tuple(getattr(feature, "names", None) or ())
        if len(names) < 2:
            raise UsageError(
                f"{what}: the masks of {self.label_key!r} have no names; set classes, the background first"
            )
        values = self.values or tuple(range(len(names)))
        if len(set(values)) != len(names) or not all(0 <= v < IGNORE for v in values):
            raise UsageError(f"{what}: values={values} for {len(names)} classes; allowed: one of 0 to 254 for each")
        table = tf.scatter_nd([[v] for v in values], tf.range(len(names)) + 1, [IGNORE + 1])  # 0: no class
        line = f"{SAYS} {what}: a mask holds a value that is no class, of 0 to 254; set classes or values:"

        def labels(held):
            pixels = tf.cast(held[..., 0], tf.int32)
            ids, ignored = tf.gather(table, pixels), pixels == IGNORE
            known = tf.reduce_all((ids > 0) | ignored)
            strange = tf.reduce_max(tf.where((ids > 0) | ignored, -1, pixels))
            with tf.control_dependencies([tf.debugging.Assert(known, [line, strange])]):
                return {"mask": tf.cast(tf.where(ignored, IGNORE, ids - 1), tf.uint8)}

        return names, labels

    def _split(self, tfds, builder, expression, wanted, labels, what):
        wanted = {self.image_key: True} | wanted
        decoders = tfds.decode.PartialDecoding(wanted, decoders={self.image_key: tfds.decode.SkipDecoding()})
        config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1)
        try:
            records = builder.as_dataset(split=expression, decoders=decoders, shuffle_files=False, read_config=config)
            info = builder.info.splits[expression]
        except Exception as error:  # an unknown split, or an expression that TFDS cannot parse
            raise UsageError(f"{what}: {_line(error)}; it has {', '.join(builder.info.splits)}") from None
        if not info.num_examples:
            raise UsageError(f"{what}: no examples")
        image_key, is_stored = self.image_key, self.orientation == "stored"

        def read(record):
            content = stored(record[image_key]) if is_stored else record[image_key]
            return {"image_bytes": content} | labels(record, content)

        bytes_each = max(1, _stored_bytes(builder) // max(1, builder.info.splits.total_num_examples))
        return Split(records, read, info.num_examples, shuffle_buffer=max(1_000, _SHUFFLE_BYTES // bytes_each))


def _of_one_size(sample, content, what):
    """The sample, whose mask must be as large as its image. content: the image's bytes."""
    image, mask = image_hw(content), tf.shape(sample["mask"])
    line = f"{SAYS} {what}: a mask is not as large as its image; mend the data; (h, w) of the image, then of the mask:"
    check = tf.debugging.Assert(tf.reduce_all(image == mask), [line, tf.concat([image, mask], 0)], summarize=4)
    with tf.control_dependencies([check]):
        return sample | {"mask": tf.identity(sample["mask"])}


def _import(what):
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise KerasVisionError(
            f"{what}: TensorFlow Datasets cannot be imported ({_line(error)}); type: pip install tensorflow-datasets "
            "importlib_resources"
        ) from None
    return tensorflow_datasets


def _stored_bytes(builder):
    return sum(split.num_bytes for split in builder.info.splits.values())


def _prepare(tfds, builder, what, download):
    """Fetches and prepares. TFDS's own progress goes to stderr: stdout is for results."""
    base = pathlib.Path(builder.data_dir)
    sought = f"{what}: not prepared in {str(base)!r}"
    mend = f"prepare it where there is a network (tfds build {builder.name}) and copy the folder, or set data_dir"
    if not download:
        raise KerasVisionError(f"{sought}; set download=true to fetch it, or {mend}")
    unreachable = _unreachable_host(builder)
    if unreachable:
        raise KerasVisionError(f"{sought}, and {unreachable} cannot be reached to fetch it; {mend}")
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare(download_config=config)
    except Exception as error:  # network, checksums, disk, or manual downloads: each builder raises its own
        raise KerasVisionError(f"{sought}, and fetching failed: {_line(error)}; {mend}") from None


def _unreachable_host(builder):
    """A host of the downloads that has no address, or None. Without it TFDS retries for minutes before it gives up.

    Not asked where downloads lie already, or where a proxy resolves names.
    """
    downloads = pathlib.Path(builder.data_dir_root) / "downloads"
    if urllib.request.getproxies() or downloads.is_dir():
        return None
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos or {}} - {None}
    for host in sorted(hosts):
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            return host
    return None


def _line(error):
    """An error's first line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
