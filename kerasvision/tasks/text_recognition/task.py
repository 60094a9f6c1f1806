"""The contract of text recognition: a picture of one line in, its characters out, decoded inside every file."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.backbones.base import Normalization
from kerasvision.core.characters import text_of
from kerasvision.core.component import since
from kerasvision.core.errors import SAYS, KerasVisionError, UsageError
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.line import LineShowing
from kerasvision.edge import describing
from kerasvision.losses.ctc import ctc
from kerasvision.metrics.reading import Reading
from kerasvision.ops import boxes as box_ops
from kerasvision.ops import ctc as paths
from kerasvision.ops import geometry as geo
from kerasvision.tasks._boxes import BoxAnswers
from kerasvision.tasks.base import Output
from kerasvision.tasks.image import ImageModel, Resample, Resize
from kerasvision.tasks.targets import Target, Targets
from kerasvision.tasks.text_recognition._placing import placed_by, why_outdated
from kerasvision.tasks.text_recognition._refusing import certainties, least_of

STRIDE = 4  # pixels of the graph's width that are a frame


@dataclasses.dataclass(frozen=True, eq=False)
class CharacterTarget(Target):
    """A character of an answer. frames: its first, and the one behind its last."""

    index: int
    frames: tuple[int, int]
    text: str = ""

    def score(self, found):
        first, behind = self.frames
        return tf.reduce_max(found["logits"][:, first:behind, self.index], 1)


@dataclasses.dataclass(frozen=True)
class CharacterTargets(Targets):
    """Characters by their number in the line."""

    flags: typing.ClassVar[dict[str, str]] = {"box": "a character by its number in the line (default: the first two)"}

    def chosen(self, raw, geometry, classes, asked):
        read = {k: v[0].numpy() for k, v in paths.greedy(raw["logits"]).items()}
        count = int(read["count"])
        if beyond := [i for i in asked.box if not 0 <= i < count]:
            raise UsageError(f"--box {beyond[0]}: {count} characters are read; allowed: 0 to {count - 1}")
        rows = (
            (i, *(int(read[k][i]) for k in ("labels", "first", "behind"))) for i in asked.box or range(min(2, count))
        )
        return [CharacterTarget(k, (a, b), f"{text_of([classes[k]])} (character {i})") for i, k, a, b in rows]


@dataclasses.dataclass(frozen=True)
class TextRecognition(BoxAnswers, ImageModel):
    """Abstract. Raw is `{"logits": [B, T, K + 1]}`, blank last, a frame for each `STRIDE` pixels of width.

    The classes are the characters of the alphabet, each one that a person sees (`core/characters.py`). Predictions:
    `labels` int32 [B, T], the classes from left to right, -1 beyond `count` [B]; `scores` float32 [B, T] of each;
    `boxes_xyxy` float32 [B, T, 4], the frames that say a character, in pixels of the original image; and `path_score`
    float32 [B], the probability of the likeliest path, which is at most the text's own.

    num_classes: K; 0 takes the alphabet from the data. image_size: (h, w), w a multiple of 4. letterbox keeps a line's
    proportions: what is shorter than w stands amid gray, what is longer becomes less high. refused_share: of validation
    lines, the least sure ones, that are below `least_certainty`, which is fitted to them after training: of the mean
    probability (geometric) of a character (`_refusing.py`). No prediction changes by it: a page reader refuses lines
    by it. 0: none is fitted, and `least_certainty` stays None. placed_by: rules by which characters of scripts from
    right to left stood from left to right, set by training; "" of other alphabets, and of runs of before there were
    rules, which are refused where they read such a script.
    """

    num_classes: int = 0
    image_size: tuple[int, int] = (32, 320)
    resize: Resize = "letterbox"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)
    refused_share: float = 0.1
    least_certainty: float | None = None
    placed_by: typing.Literal["", "uax9"] = ""

    calibrates: typing.ClassVar[tuple[str, ...]] = ("refused_share",)
    name: typing.ClassVar[str] = "text_recognition"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("characters",)
    main_metric: typing.ClassVar[str] = "cer"
    showing: typing.ClassVar[Showing] = LineShowing()

    def __post_init__(self):
        super().__post_init__()
        if self.image_size[1] % STRIDE or min(self.image_size) < 16:
            raise UsageError(
                f"{self.registered_name}: image_size={self.image_size}; allowed: sides from 16, a width that is a "
                f"multiple of {STRIDE}"
            )
        for name, value in (("refused_share", self.refused_share), ("least_certainty", self.least_certainty)):
            if value is not None and not 0 <= value <= 1 or value == 1 and name == "refused_share":
                raise UsageError(f"model.{name}={value:g}; allowed: refused_share 0 to below 1, least_certainty 0 to 1")

    @property
    def frames(self):
        """T, int: how many places along a line have logits, one every STRIDE pixels."""
        return self.image_size[1] // STRIDE

    @property
    def normalization(self):
        return Normalization()

    @property
    def outputs(self):
        return {
            "labels": Output("int32", "class index, -1 beyond count", (self.frames,)),
            "scores": Output("float32", "probability", (self.frames,)),
            "boxes_xyxy": Output("float32", "pixel of the original image", (self.frames, 4)),
            "count": Output("int32", "characters"),
            "path_score": Output("float32", "probability"),
        }

    def require_classes(self):
        """Raise before a graph without an alphabet is built."""
        if self.num_classes < 1:
            raise KerasVisionError(
                f"{self.registered_name} has num_classes={self.num_classes}; set model.num_classes to the number of "
                "characters, or let the data decide with 0"
            )

    def for_classes(self, classes):
        return dataclasses.replace(super().for_classes(classes), placed_by=placed_by(classes))

    def outdated(self, classes):
        return why_outdated(self.placed_by, classes)

    def for_data(self, split):
        """Refuses lines that no path of T frames says, before anything is trained: their loss would be infinite."""
        long, most = [], 0
        for number, record in enumerate(split.records.map(lambda r: split.read(r)["characters"]).as_numpy_iterator()):
            needed = int(paths.frames_needed(tf.constant(record)[None])[0])
            most = max(most, needed)
            if needed > self.frames:
                long.append(number)
        if long:
            raise KerasVisionError(
                f"{len(long)} of {split.size} training lines are too long for {self.frames} frames, the first is "
                f"number {long[0]}; the longest needs {most}: set model.image_size=({self.image_size[0]}, "
                f"{STRIDE * most}) or cut the lines"
            )
        return self

    def encode(self, sample):
        characters = tf.cast(sample["characters"], tf.int32)
        needed = paths.frames_needed(characters)
        line = (
            f"{SAYS} a line has more characters than {self.frames} frames can say; set model.image_size to a width of"
        )
        tf.debugging.Assert(needed <= self.frames, [line, STRIDE * needed])
        free = self.frames - tf.minimum(tf.shape(characters)[0], self.frames)
        padded = tf.pad(characters[: self.frames], [[0, free]], constant_values=-1)
        return {"characters": tf.ensure_shape(padded, [self.frames])}

    def ground_truth(self, sample):
        return self.encode(sample)

    def loss(self, targets, raw):
        return {"ctc": ctc(targets["characters"], raw["logits"])}

    def ideal_raw(self, targets):
        return {"logits": paths.ideal_logits(targets["characters"], self.frames, self.num_classes)}

    def decode(self, raw, geometry):
        read = paths.greedy(raw["logits"])
        left, right = (tf.cast(STRIDE * read[k], tf.float32) for k in ("first", "behind"))
        top, bottom = tf.zeros_like(left), tf.fill(tf.shape(left), float(self.image_size[0]))
        original = geo.restore_boxes(tf.stack([left, top, right, bottom], -1), geometry)
        boxes = tf.where((read["labels"] >= 0)[..., None], box_ops.clip(original, geometry["image_hw"]), 0.0)
        return {k: read[k] for k in ("labels", "scores", "count", "path_score")} | {"boxes_xyxy": boxes}

    def judged(self, raw, geometry):
        """Also `probabilities` [B, T, K + 1] of each frame, `borders` [B, T + 1], where frames begin and end in pixels
        of the original image, beyond its border too, and `image_width` [B].
        """
        places = tf.range(self.frames + 1, dtype=tf.float32) * STRIDE
        borders = (places - geometry["offset_xy"][:, :1]) / geometry["scale_xy"][:, :1]
        held = {
            "probabilities": tf.nn.softmax(raw["logits"]),
            "image_width": geometry["image_hw"][:, 1],
            "image_height": geometry["image_hw"][:, 0],
        }
        return self.decode(raw, geometry) | held | {"borders": borders}

    @property
    def tunes(self):
        """Whether `tune` looks at the validation split."""
        return self.refused_share > 0

    def tune(self, predictions, ground_truths):
        held = certainties(predictions)
        return dataclasses.replace(self, least_certainty=least_of(held, self.refused_share))

    def untuned(self):
        return dataclasses.replace(self, least_certainty=None)

    def tuned_words(self):
        if self.least_certainty is None:
            return ""
        return (
            f"fitted: {100 * self.refused_share:g} % of validation lines are less sure than {self.least_certainty:.4g} "
            "a character; kerasvision read refuses such lines beside other recognizers, or with --set "
            "least_certainty=fitted"
        )

    def evaluator(self, classes):
        return Reading(classes)

    def targets(self):
        return CharacterTargets()

    def compare(self, reference, other):
        """error: by how much a probability of the reference must have moved for what `other` says of a line, frame by
        frame, the largest of all frames, and the largest difference of two scores of one character. Of a plain
        prediction, without what `judged` adds, only scores are compared. flip: the texts differ.
        """
        pairs = [
            _compare(*({k: v[i] for k, v in p.items()} for p in (reference, other)))
            for i in range(len(reference["count"]))
        ]
        return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])

    def doubt(self, image_hw):
        """One line about a picture of a size in pixels whose text the graph can hardly see, "" of any other: of which
        fewer rows are left than a quarter of the graph's, or less than a column.
        """
        (height, width), (most, wide) = image_hw, self.image_size
        scale = min(1.0, most / height, wide / width if self.resize == "letterbox" else 1.0)
        rows, columns = scale * height, scale * width
        if 4 * rows >= most and columns >= 1:
            return ""
        return (
            f"of {width} x {height} pixels {columns:.2g} x {rows:.2g} are left at {wide} x {most}, and what is read is "
            "a guess; cut longer lines into parts (kerasvision read does), or take a larger picture"
        )

    def describe(self, prediction, classes):
        return describing.line(prediction, classes)

    @abc.abstractmethod
    def build(self):
        """A graph of `image` float [B, h, w, 3] that gives `logits`."""


def _compare(reference, other):
    """One line."""
    mine, theirs = (p["labels"][: p["count"]] for p in (reference, other))
    flip = len(mine) != len(theirs) or bool((mine != theirs).any())
    error = 0.0 if flip else float(np.abs(reference["scores"] - other["scores"]).max(initial=0.0))
    if not np.isfinite(other["scores"]).all() or not np.isfinite(other["path_score"]):
        return np.nan, flip
    if "probabilities" not in reference:
        return (1.0 if flip else error), flip
    path = _path(reference, other)
    held = reference["probabilities"][np.arange(len(path)), np.maximum(path, 0)]
    # of a frame that says another class two probabilities must have met half way
    lacking = np.where(path >= 0, (reference["probabilities"].max(-1) - held) / 2, 0.0)
    return max(error, float(lacking.max())), flip


def _path(reference, other):
    """int [T]: what `other` says of each frame, blank where it has no character; -1 of frames outside of the image,
    whose boxes are cut off.
    """
    borders = reference["borders"]
    frames, blank = reference["probabilities"].shape[0], reference["probabilities"].shape[1] - 1
    path = np.full(frames, blank)
    for label, box in zip(other["labels"][: other["count"]], other["boxes_xyxy"], strict=False):
        first, behind = (int(np.abs(borders - x).argmin()) for x in (box[0], box[2]))
        path[first:behind] = label
    outside = (borders[:-1] < -1e-3) | (borders[1:] > reference["image_width"] + 1e-3)
    return np.where(outside, -1, path)
