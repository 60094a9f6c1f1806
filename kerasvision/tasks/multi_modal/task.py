"""What models of several senses share: how a picture, a text and numbers come to one vector."""

import dataclasses
import itertools
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import backbones, fusions, text_encoders
from kerasvision.fusions.base import Fusion, Sense
from kerasvision.layers.senses import Column, DropSenses
from kerasvision.tasks.answering import Answering
from kerasvision.tasks.base import PREPROCESS, Architecture, Input
from kerasvision.tasks.classification.classifier import Classifier
from kerasvision.tasks.image import Resample, Resize
from kerasvision.tasks.preprocessing import CROPPED
from kerasvision.tasks.text_classification.classifier import TextClassifier
from kerasvision.text_encoders.base import TextEncoder

IMAGE, TEXT, NUMBERS = SENSES = ("image", "text", "numbers")
PRESENT = "senses"  # key of the flags: which senses an example has
WIDEST = 8.0  # standard deviations that a number may be away from the mean; beyond it counts as so far away


@dataclasses.dataclass(frozen=True)
class MultiModal(Architecture):
    """Abstract. Takes what `senses` names: `image` uint8 [B, H, W, 3], `text` string [B], `numbers` float32 [B, N], NaN
    where one is missing; and `senses` uint8 [B, M], 1 for each that is there, in the order of the field. What is given
    for one that is not (any picture, a blank) is not looked at.

    fusion: how what the senses have seen becomes one vector of `width` numbers, or one answer; of one that is missing a
    learned vector takes the place, or nothing does. sense_dropout: the chance of each sense to be missing in training,
    never all. dropout: of the fused vector.

    backbone, image_size, resize, resample, crop_fraction, antialias: of the picture, as in `classification/classifier`.
    encoder, length, words, vocabulary_size, min_count, vocabulary: of the text, as in `text_classification/classifier`.
    number_center, number_scale: what numbers are standardized by, one a column; () takes mean and standard deviation of
    the training split, missing ones aside.
    """

    senses: tuple[typing.Literal["image", "text", "numbers"], ...] = SENSES
    fusion: Fusion = dataclasses.field(default_factory=lambda: fusions["early"]())
    width: int = 64
    sense_dropout: float = 0.2
    dropout: float = 0.0
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = True
    encoder: TextEncoder = dataclasses.field(default_factory=lambda: text_encoders["kim_cnn"]())
    length: int = 256
    words: int = 64
    vocabulary_size: int = 10_000
    min_count: int = 2
    vocabulary: tuple[str, ...] = ()
    number_center: tuple[float, ...] = ()
    number_scale: tuple[float, ...] = ()

    sense_flags: typing.ClassVar[str] = PRESENT

    def __post_init__(self):
        super().__post_init__()
        if len(self.senses) < 2 or list(self.senses) != [s for s in SENSES if s in self.senses]:
            raise UsageError(f"model.senses={self.senses}; allowed: two or three of {', '.join(SENSES)}, in this order")
        for name in ("sense_dropout", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"model.{name}={getattr(self, name):g}; allowed: 0 to less than 1")
        uneven = len(self.number_center) != len(self.number_scale) or not all(s > 0 for s in self.number_scale)
        if self.width < 1 or uneven:
            raise UsageError(
                f"model.width={self.width}, number_center={self.number_center}, number_scale={self.number_scale}; "
                "allowed: a width of 1 or more, as many centers as scales, and scales above 0"
            )

        self.fusion.check(self.senses, self.width)
        if self.settles and getattr(self, "scaling", "nothing") != "nothing":
            raise UsageError(
                f"model.scaling={self.scaling!r} with {self.fusion.registered_name}, which the validation split weighs "
                'already; set model.scaling="nothing", or take another fusion'
            )

    @property
    def settles(self):
        """bool: whether there is something to do for `settle` after training: weights of senses, of `fusions/late`."""
        return self.fusion.weighs_log_odds

    def settle(self, graph, batches):
        held = ((self.normalize(prepared), targets) for prepared, targets in batches)
        self.fusion.settle(graph, held, self.loss)

    def check_promise(self, examples):
        if self.settles and not examples:
            raise UsageError(
                f"{self.fusion.registered_name} is weighed on the validation split, and there is none; set "
                "validation_fraction=0.1, or take another fusion"
            )
        super().check_promise(examples)

    @property
    def _picture(self):
        """How a picture is prepared and normalized."""
        own = (self.image_size, self.resize, self.resample, self.crop_fraction, self.antialias)
        return Classifier(0, self.backbone, *own)

    @property
    def _text(self):
        """How a text is prepared and becomes ids."""
        own = {k: getattr(self, k) for k in ("vocabulary_size", "min_count", "vocabulary")}
        return TextClassifier(length=self.length, words=self.words, encoder=self.encoder, **own)

    @property
    def mixes(self):
        return {}  # two texts cannot be mixed

    @property
    def _columns(self):
        return len(self.number_center)

    def serving_inputs(self):
        held = {
            IMAGE: self._picture.serving_inputs()[IMAGE],
            TEXT: self._text.serving_inputs()[TEXT],
            NUMBERS: Input(tf.TensorSpec([None, self._columns or None], tf.float32, name=NUMBERS), "numbers"),
        }
        flags = Input(tf.TensorSpec([None, len(self.senses)], tf.uint8, name=PRESENT), "numbers")
        return {k: held[k] for k in self.senses} | {PRESENT: flags}

    def served_sets(self):
        sizes = range(1, len(self.senses) + 1)
        return {"_".join(some): some for size in sizes for some in itertools.combinations(self.senses, size)}

    def completed(self, sent, keys):
        """With the flags of what is there, and something for what is not, at which nobody looks."""
        count = tf.shape(next(iter(sent.values())))[0]
        flags = tf.constant([[int(sense in keys) for sense in self.senses]], tf.uint8)
        stand_in = {
            IMAGE: lambda: tf.zeros([count, *self.image_size, 3], tf.uint8),
            TEXT: lambda: tf.fill([count], " "),
            NUMBERS: lambda: tf.fill([count, self._columns], float("nan")),
        }
        others = {sense: stand_in[sense]() for sense in self.senses if sense not in keys}
        return sent | others | {PRESENT: tf.repeat(flags, count, 0)}

    def prepared_of(self, sense):
        """key -> spec of the prepared inputs of one sense."""
        columns = [None, self._columns or None]
        held = {
            IMAGE: self._picture.prepared_inputs(),
            TEXT: self._text.prepared_inputs(),
            NUMBERS: {
                "numbers": tf.TensorSpec(columns, tf.float32, name="numbers"),
                "known": tf.TensorSpec(columns, tf.uint8, name="known"),
            },
        }
        return held[sense]

    def prepared_inputs(self):
        flags = {PRESENT: tf.TensorSpec([None, len(self.senses)], tf.uint8, name=PRESENT)}
        return {k: spec for sense in self.senses for k, spec in self.prepared_of(sense).items()} | flags

    def resources(self):
        return self._text.resources() if TEXT in self.senses else {}

    def geometry(self, inputs):
        """Numbers become standardized ones, 0 where they are missing, and `known` flags."""
        prepared, geometry = {}, {}
        if IMAGE in self.senses:
            own = {k: inputs[k] for k in (IMAGE, CROPPED) if k in inputs}
            prepared, geometry = self._picture.geometry(own)
        if TEXT in self.senses:
            prepared = prepared | self._text.geometry({TEXT: inputs[TEXT]})[0]
        if NUMBERS in self.senses:
            known = tf.math.is_finite(inputs[NUMBERS])
            standard = (inputs[NUMBERS] - tf.constant(self.number_center)) / tf.constant(self.number_scale)
            standard = tf.clip_by_value(tf.where(known, standard, 0.0), -WIDEST, WIDEST)
            prepared = prepared | {"numbers": standard, "known": tf.cast(known, tf.uint8)}
        return prepared | {PRESENT: tf.cast(inputs[PRESENT] > 0, tf.uint8)}, geometry

    def no_geometry(self, prepared):
        return self._picture.no_geometry(prepared) if IMAGE in self.senses else {}

    def normalize(self, prepared):
        found = {PRESENT: tf.cast(prepared[PRESENT], tf.float32)}
        if IMAGE in self.senses:
            found |= self._picture.normalize(prepared)
        if TEXT in self.senses:
            found |= self._text.normalize(prepared)
        if NUMBERS in self.senses:
            found["numbers"] = tf.concat([prepared["numbers"], tf.cast(prepared["known"], tf.float32)], 1)
        return found

    def preprocessing(self):
        """Each sense's own rules; numbers are standardized by the client, at most `clip` away, 0 where missing."""
        held = {
            IMAGE: self._picture.preprocessing,
            TEXT: self._text.preprocessing,
            NUMBERS: lambda: {
                "center": list(self.number_center),
                "scale": list(self.number_scale),
                "clip": WIDEST,
                "missing": "nan",
            },
        }
        rules = {"version": PREPROCESS, "kind": "several", "senses": list(self.senses), "flags": PRESENT}
        return rules | {sense: held[sense]() for sense in self.senses}

    def for_data(self, split):
        """With the vocabulary, and what numbers are standardized by, of a training split."""
        if PRESENT in split.read_spec and (held := split.read_spec[PRESENT].shape[0]) != len(self.senses):
            raise KerasVisionError(
                f"{self.registered_name} takes {', '.join(self.senses)}, and the data has {held} senses; give the "
                "source the columns that model.senses names, or model.senses what the data has"
            )
        grown = self
        if TEXT in self.senses:
            grown = dataclasses.replace(grown, vocabulary=self._text.for_data(split).vocabulary)
        if NUMBERS in self.senses and not self.number_center:
            rows = np.stack(list(split.records.map(lambda r: split.read(r)[NUMBERS]).as_numpy_iterator()))
            grown = dataclasses.replace(grown, **_standardization(rows))
        return grown

    @property
    def sense_inputs(self):
        of_text = tuple(self._text.graph_inputs()) if TEXT in self.senses else ()
        return {sense: of_text if sense == TEXT else (sense,) for sense in self.senses}

    def load_pretrained(self, graph):
        if IMAGE in self.senses:
            self.backbone.load(graph)

    def graph_inputs(self):
        """Keras tensors by key. Raises before a graph without what the data decides is built."""
        if NUMBERS in self.senses and not self.number_center:
            raise KerasVisionError(
                f"{self.registered_name} does not know its columns of numbers; set model.number_center and "
                "model.number_scale, or let the data decide by training"
            )
        held = {PRESENT: keras.Input([len(self.senses)], name=PRESENT)}
        if IMAGE in self.senses:
            held[IMAGE] = keras.Input((*self.image_size, 3), name=IMAGE)
        if TEXT in self.senses:
            held |= self._text.graph_inputs()
        if NUMBERS in self.senses:
            held[NUMBERS] = keras.Input([2 * self._columns], name=NUMBERS)
        return held

    def dense(self, inputs):
        """(units, name) -> a Keras tensor [B, units] of the graph's inputs: what a task's raw outputs are made with."""
        flags = DropSenses(self.sense_dropout, name="drop_senses")(inputs[PRESENT])
        senses = [
            Sense(name, self._seen(name, inputs), Column(number, name=f"{name}_there")(flags))
            for number, name in enumerate(self.senses)
        ]
        x = self.fusion(senses, flags, self.width)
        x = keras.layers.Dropout(self.dropout, name="dropout")(x) if self.dropout else x
        return lambda units, name: self.fusion.units(x, senses, units, name)

    def _seen(self, sense, inputs):
        """What is known of one sense, a Keras tensor, as of `fusions.base.Sense`."""
        if sense == IMAGE:
            return list(self.backbone(inputs[IMAGE]).values())[-1]
        return self._text.encoded(inputs) if sense == TEXT else inputs[NUMBERS]

    def targets(self):
        return Answering.targets(self)


def _standardization(rows):
    """{"number_center", "number_scale"} of float [N, columns], NaN where one is missing."""
    known = np.isfinite(rows)
    if empty := np.flatnonzero(~known.any(0)).tolist():
        raise KerasVisionError(
            f"the training split has no number in the columns {empty}, counted from 0; leave them out"
        )
    rows = np.where(known, rows, np.nan).astype(np.float64)
    center, scale = np.nanmean(rows, 0), np.nanstd(rows, 0)
    scale = np.where(scale > 0, scale, 1.0)
    held = {"number_center": center, "number_scale": scale}
    return {name: tuple(float(f"{v:.9g}") for v in values) for name, values in held.items()}
