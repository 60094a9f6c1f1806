"""The contract of captioning: a picture in, a sentence about it out, word by word, spelled inside every file."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import backbones
from kerasvision.drawing.showing.caption import CaptionShowing
from kerasvision.layers.words import END
from kerasvision.losses.captioning import word_cross_entropy
from kerasvision.metrics.captions import Captions
from kerasvision.ops import heat as heats
from kerasvision.ops import text
from kerasvision.ops.graphs import unwrapped
from kerasvision.ops.internals import called_with, made_by
from kerasvision.ops.spelling import Spelling
from kerasvision.tasks.base import Output
from kerasvision.tasks.captioning._agreement import compared
from kerasvision.tasks.captioning._targets import WordTargets
from kerasvision.tasks.captioning._vocabulary import learned, require_words
from kerasvision.tasks.image import ImageArchitecture, Resample, Resize, positions_of
from kerasvision.tasks.text_classification.classifier import TextClassifier

_SURE = 30.0  # a logit beside which all others are nothing


@dataclasses.dataclass(frozen=True)
class Captioning(ImageArchitecture):
    """Abstract. A sample has an image and `texts`, what people have written of it; each time that it is trained on, one
    is drawn by its seed, and all are references when it is judged. A mirrored picture of "left of" is another picture.

    Raw is what `layers.words.WordDecoder` gives, with `logits` [B, T, K] of each word of the drawn text after the true
    ones before it, which training alone looks at and no file has. K: the vocabulary, and what ends a caption.
    The prediction: `words` int32 [B, T], numbers of the vocabulary, -1 beyond `count` [B]; `scores` float32 [B, T], the
    probability of each after those before it; `caption_score` float32 [B], of the whole, its end included;
    `text_bytes` uint8 [B, L], the caption in UTF-8, padded with 0; `attention` float32 [B, T, h, w], of the h x w
    positions of the backbone's last level how much each word looked at, 1 in sum, 0 of no word.

    size: of a word's vector and of the decoder's state. words: T, the most that are said. dropout: of words' vectors
    and before the classes. label_smoothing: 0..1. beam: captions that are followed at once, 1 takes the likeliest word
    each time; length_power: they are compared by the logarithm of their probability over length ** length_power. Both
    may be set after training. length: bytes of a text that are looked at, of references too. vocabulary_size,
    min_count: the most frequent words of the training split, of those that stand there min_count times; a text's other
    words are fed and never said, nor asked for. key_words: words that `key_f1` judges. vocabulary, spellings, known,
    texts_cut: what the training split decides, words in order, how they are written, the captions (5 characters each),
    and how many of how many are cut.
    """

    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)
    size: int = 128
    words: int = 20
    dropout: float = 0.3
    label_smoothing: float = 0.0
    beam: int = 1
    length_power: float = 0.0
    length: int = 256
    vocabulary_size: int = 10_000
    min_count: int = 2
    key_words: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    known: str = ""
    texts_cut: tuple[int, int] = (0, 0)

    name: typing.ClassVar[str] = "captioning"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("texts",)
    main_metric: typing.ClassVar[str] = "cider"
    draws_noise: typing.ClassVar[bool] = True
    after_training: typing.ClassVar[tuple[str, ...]] = ("beam", "length_power")
    inside_files: typing.ClassVar[tuple[str, ...]] = ("beam", "length_power")
    calibrates: typing.ClassVar[tuple[str, ...]] = ("beam", "length_power")  # a run is judged anew by them
    of_vocabulary: typing.ClassVar[tuple[str, ...]] = ("decoder",)
    taught: typing.ClassVar[tuple[str, ...]] = ("logits",)  # all else stands behind a model's own words

    def __post_init__(self):
        super().__post_init__()
        if self.size < 1 or self.beam < 1 or not 0 <= self.dropout < 1 or not 0 <= self.length_power < float("inf"):
            raise UsageError(
                f"{self.registered_name}: size={self.size}, beam={self.beam}, dropout={self.dropout:g}, length_power="
                f"{self.length_power:g}; allowed: size and beam 1 or more, dropout 0 to less than 1, length_power 0 or "
                "more"
            )
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"model.label_smoothing={self.label_smoothing:g}; allowed: 0 to less than 1")
        for field in ("key_words", "vocabulary", "spellings"):
            require_words(field, getattr(self, field))
        known = self._text.vocabulary  # which checks length, words, vocabulary_size and min_count
        if self.vocabulary != known:
            if self.spellings:
                raise UsageError("model.spellings go with the order of model.vocabulary; leave them out")
            object.__setattr__(self, "vocabulary", known)
        if self.spellings and tuple("".join(map(text.lowered, word)) for word in self.spellings) != known:
            raise UsageError("model.spellings are those of other words than model.vocabulary; leave them out")
        if known and self.beam > self.classes:
            raise UsageError(f"model.beam={self.beam}; allowed: 1 to {self.classes}, the words and the end")

    @property
    def _text(self):
        """How a text becomes words."""
        return TextClassifier(
            length=self.length,
            words=self.words,
            vocabulary_size=self.vocabulary_size,
            min_count=self.min_count,
            vocabulary=self.vocabulary,
        )

    @property
    def classes(self):
        """K, int: the words, and what ends a caption."""
        return 1 + len(self.vocabulary)

    @property
    def spelling(self):
        """`Spelling` of the vocabulary."""
        return Spelling(self.spellings or self.vocabulary)

    @property
    def outputs(self):
        most = self.spelling.bytes_of(self.words)
        return {
            "words": Output("int32", "word of the vocabulary, -1 beyond count", (self.words,)),
            "scores": Output("float32", "probability", (self.words,)),
            "count": Output("int32", "words"),
            "caption_score": Output("float32", "probability"),
            "text_bytes": Output("uint8", "byte of UTF-8, 0 beyond the last", (most,)),
            "attention": Output("float32", "part of what a word looked at", (self.words, *self._grid())),
        }

    def _grid(self):
        """(h, w) of the backbone's last level."""
        return positions_of(self.backbone, self.image_size)

    def for_data(self, split):
        """With the words, their spellings and the captions of a training split."""
        grown = self
        if not self.vocabulary:
            grown = dataclasses.replace(self, vocabulary=self._text.for_data(split).vocabulary, spellings=())
        found = learned(self._text.read(split), grown._text.rules)
        spellings = self.spellings or found.spellings
        return dataclasses.replace(grown, spellings=spellings, known=found.known, texts_cut=(found.cut, found.texts))

    def load_pretrained(self, graph):
        """Says how many training texts are cut, too."""
        super().load_pretrained(graph)
        cut, texts = self.texts_cut
        if not cut:
            return None
        return f"{cut} of {texts} training texts have more than {self.words} words and are cut; model.words sets them"

    def normalize(self, prepared):
        """`said` is among the inputs in training alone."""
        inputs, said = super().normalize(prepared), prepared.get("said")
        if said is None:
            said = tf.zeros([tf.shape(prepared["image"])[0], self.words], tf.int32)
        return inputs | {"said": said}

    def build(self):
        if not self.vocabulary:
            raise KerasVisionError(
                f"{self.registered_name} has no vocabulary; set model.vocabulary, or let the data decide by training"
            )
        image = keras.Input((*self.image_size, 3), name="image")
        said = keras.Input((self.words,), dtype="int32", name="said")
        x = list(self.backbone(image).values())[-1]
        x = keras.layers.Conv2D(self.size, 1, name="features")(x)
        x = keras.layers.Reshape((x.shape[1] * x.shape[2], self.size), name="positions")(x)
        decoder = self.decoder()
        raw = {"logits": decoder([x, said])} | decoder(x)
        return keras.Model({"image": image, "said": said}, raw, name=self.name)

    @abc.abstractmethod
    def decoder(self):
        """A `layers.words.WordDecoder` named "decoder"."""

    def answering(self, graph):
        raw = {k: v for k, v in graph.output.items() if k != "logits"}
        decoder, (positions,) = unwrapped(made_by(raw["words"])), called_with(raw["words"])
        if not decoder.follows(self.beam, self.length_power):  # they were set after training
            raw = made_by(raw["words"])(positions, beam=self.beam, length_power=self.length_power)
        return keras.Model(graph.input, raw, name=self.name)

    def example(self, sample):
        count = tf.shape(sample["texts"])[0]
        drawn = tf.random.stateless_uniform([], sample["seed"], 0, count, tf.int32)
        prepared, targets = super().example(sample | {"texts": sample["texts"][drawn][None]})
        return prepared | {"said": targets["words"]}, targets

    def encode(self, sample):
        """`words` int32 [T], classes of the first text, K of a word that is not in the vocabulary, END behind it.
        `weights` float32 [T]: 1 of each word that can be said, and of the END behind the last.
        """
        words = self._words(sample["texts"][:1])
        ids = self._text.rules.vocabulary_ids(words)[0]
        known = ids >= text.FIRST
        classes = tf.where(known, ids - text.FIRST + 1, tf.where(ids == text.UNKNOWN, self.classes, END))
        count = tf.reduce_sum(tf.cast(words.present[0], tf.int32))
        # what is cut at `length` bytes has no end there, and maybe half a word
        is_cut = tf.strings.length(sample["texts"][0]) > self.length
        place = tf.range(self.words)
        known, ends = known & ~(is_cut & (place == count - 1)), (place == count) & ~is_cut
        return {"words": classes, "weights": tf.cast(known | ends, tf.float32)}

    def _words(self, texts):
        """`ops.text.Words` of string [N]."""
        return self._text.rules.words_of(self._text.geometry({"text": texts})[0]["text_bytes"])

    def ground_truth(self, sample):
        """`references` int32 [N, length], hashes of the words of all texts, 0 beyond the last: of all that stand in
        their first `length` bytes, more than can be said too.
        """
        words = text.words_of(self._text.geometry({"text": sample["texts"]})[0]["text_bytes"], self.length)
        return {"references": tf.where(words.present, words.hashes, 0)}

    def loss(self, targets, raw):
        words = tf.minimum(targets["words"], self.classes - 1)  # what is not in the vocabulary has no weight
        return {"words": word_cross_entropy(words, targets["weights"], raw["logits"], self.label_smoothing)}

    def ideal_raw(self, targets):
        said = tf.where(targets["words"] == self.classes, END, targets["words"])
        logits, words = _SURE * tf.one_hot(said, self.classes), tf.cast(said, tf.float32)[:, None]
        grid = self._grid()
        attention = tf.fill([tf.shape(said)[0], self.words, grid[0] * grid[1]], 1.0 / (grid[0] * grid[1]))
        words = tf.tile(words, [1, self.beam, 1])
        held = {"words": words, "log_probabilities": tf.zeros_like(words), "own_logits": logits}
        return {"logits": logits, "attention": attention} | held

    def decode(self, raw, geometry):
        said = tf.cast(raw["words"][:, 0], tf.int32)
        before = tf.cumsum(tf.cast(said == END, tf.int32), 1, exclusive=True)  # ends before each word
        present = (before == 0) & (said != END)
        likely = raw["log_probabilities"][:, 0]
        words = tf.where(present, said - 1, -1)
        maps = tf.reshape(raw["attention"], [-1, self.words, *self._grid()])
        return {
            "words": words,
            "scores": tf.where(present, tf.exp(likely), 0.0),
            "count": tf.reduce_sum(tf.cast(present, tf.int32), 1),
            "caption_score": tf.exp(tf.reduce_sum(tf.where(before == 0, likely, 0.0), 1)),
            "text_bytes": self.spelling.utf8(words, self.spelling.bytes_of(self.words)),
            "attention": tf.where(present[..., None, None], maps, 0.0),
        }

    def judged(self, raw, geometry):
        """Also `probabilities` [B, T, K] of each step, and of a beam `captions` int32 [B, W, T], its classes, and
        `likely` [B, W, T], the logarithm of the probability of each word.
        """
        held = {"probabilities": tf.nn.softmax(raw["own_logits"])}
        held |= {"captions": tf.cast(raw["words"], tf.int32), "likely": raw["log_probabilities"]}
        return self.decode(raw, geometry) | held

    def evaluator(self, classes):
        return Captions(self.vocabulary, self.key_words, self.known)

    def targets(self):
        return WordTargets(self.spellings or self.vocabulary)

    def compare(self, reference, other):
        pairs = [
            compared(*({k: v[i] for k, v in p.items()} for p in (reference, other)), self.length_power)
            for i in range(len(reference["count"]))
        ]
        return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])

    @property
    def showing(self):
        """With what each word looked at in the pixels of the original."""
        return CaptionShowing(self._placed)

    def _placed(self, positions, image):
        """[h, w] of the last level -> float32 [H, W] of a picture, uint8 [H, W, 3]."""
        _, geometry = self.geometry({"image": tf.constant(image)[None]})
        held = tf.image.resize(tf.constant(positions, tf.float32)[None, ..., None], self.image_size)[..., 0]
        return heats.in_original(held, geometry)[0].numpy()

    def describe(self, prediction, classes):
        count = int(prediction["count"])
        numbers = [int(i) for i in prediction["words"][:count]]
        rows = zip(numbers, prediction["scores"], strict=False)
        words = [{"text": self.spelling.words[i], "score": round(float(s), 6)} for i, s in rows]
        said = bytes(prediction["text_bytes"]).rstrip(b"\0").decode("utf-8", "replace")
        return {"text": said, "score": round(float(prediction["caption_score"]), 6), "words": words}
