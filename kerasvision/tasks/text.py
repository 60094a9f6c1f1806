"""What every architecture over one text shares: how its bytes become ids, and a vector of these."""

import collections
import dataclasses
import hashlib
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import SAYS, KerasVisionError, UsageError
from kerasvision.core.registry import text_encoders
from kerasvision.ops import text
from kerasvision.ops.internals import called_with
from kerasvision.tasks._wide import Wide
from kerasvision.tasks.answering import Answering
from kerasvision.tasks.base import PREPROCESS, Architecture, Input, Resource
from kerasvision.text_encoders import word_vectors
from kerasvision.text_encoders.base import Rules, TextEncoder

READ_AT_ONCE = 512  # texts of the training split


@dataclasses.dataclass(frozen=True)
class TextModel(Architecture):
    """Abstract. A text, string [B], becomes its first `length` bytes, and these become ids within the graph of every
    file (`ops/text.py` has the rules), so that no client needs a tokenizer.

    length: bytes of UTF-8 that are looked at; what is longer is cut before a character. words: at most so many of them.
    encoder: makes a vector of the ids; None leaves the wide part alone. wide: a linear model over hashed TF-IDF beside
    it (`tasks/_wide.py`), or None. vocabulary: the words that the encoder looks up, if it does; () takes the
    vocabulary_size most frequent ones of the training split, of those that stand there min_count times.
    vectors: a file of pretrained vectors of words (`text_encoders/word_vectors.py`) that training begins with, and goes
    on to train; "": drawn ones.
    """

    length: int = 256
    words: int = 64
    encoder: TextEncoder | None = dataclasses.field(default_factory=lambda: text_encoders["kim_cnn"]())
    wide: Wide | None = None
    vocabulary_size: int = 10_000
    min_count: int = 2
    vocabulary: tuple[str, ...] = ()
    vectors: str = ""

    of_vocabulary: typing.ClassVar[tuple[str, ...]] = ("encoder_words",)

    def __post_init__(self):
        super().__post_init__()
        if min(self.length, self.words, self.vocabulary_size, self.min_count) < 1 or self.words > self.length:
            raise UsageError(
                f"{self.registered_name}: length={self.length}, words={self.words}, vocabulary_size="
                f"{self.vocabulary_size}, min_count={self.min_count}; allowed: 1 or more, and no more words than bytes"
            )
        if self.encoder is None and self.wide is None:
            raise UsageError(f"{self.registered_name}: neither an encoder nor a wide part; give one of them")
        if self.vocabulary and self.vocabulary != text.in_order(self.vocabulary):
            object.__setattr__(self, "vocabulary", text.in_order(self.vocabulary))

    @classmethod
    def linear(cls):
        """A wide part of words, their pairs and n-grams of three to five characters."""
        return Wide(ngrams=(3, 4, 5))

    @property
    def rules(self):
        """`Rules` of the ids."""
        return Rules(self.length, self.words, self.vocabulary)

    @property
    def needs_vocabulary(self):
        """Whether ids are looked up."""
        return self.encoder is not None and self.encoder.needs_vocabulary

    def serving_inputs(self):
        return {"text": Input(tf.TensorSpec([None], tf.string, name="text"), "text")}

    def prepared_inputs(self):
        return {"text_bytes": tf.TensorSpec([None, self.length], tf.uint8, name="text_bytes")}

    def resources(self):
        return {"vocabulary": Resource(self.vocabulary)} if self.needs_vocabulary else {}

    def geometry(self, inputs):
        held = inputs["text"]
        size = tf.strings.length(held)
        with tf.control_dependencies(_checks(held, size)):
            return {"text_bytes": text.cut(tf.identity(held), self.length)}, {}

    def normalize(self, prepared):
        words = self.rules.words_of(prepared["text_bytes"])
        deep = self.encoder.ids(words, self.rules) if self.encoder else {}
        return deep | (self.wide.ids(words) if self.wide else {})

    def preprocessing(self):
        """What a client owes is `text.encode("utf-8")`, cut and padded; ids are made within the file, by these rules.
        The vocabulary's sum is over its words, a line each.
        """
        held = {
            "version": PREPROCESS,
            "kind": "text",
            "encoding": "utf-8",
            "length_bytes": self.length,
            "cut": "before_a_character",
            "padding": 0,
            "words": self.words,
            "hash": {"rule": "polynomial", "bits": 32, "multiplier": self.rules.multiplier},
            "tokens_inside_files": True,
        }
        if not self.needs_vocabulary or not self.vocabulary:
            return held
        lines = "".join(f"{word}\n" for word in self.vocabulary).encode()
        return held | {"vocabulary": {"words": len(self.vocabulary), "sha256": hashlib.sha256(lines).hexdigest()}}

    def for_data(self, split):
        """With the vocabulary, and the frequencies of the wide part, of a training split."""
        grown = self
        if self.needs_vocabulary and not self.vocabulary:
            count = collections.Counter()
            for batch in self.read(split):
                for row in text.spelled(self.rules.words_of(batch)):
                    count.update(row)
            grown = dataclasses.replace(self, vocabulary=self._chosen(count))
        if self.wide and not self.wide.frequencies:
            counted = self.wide.counted(self.read(split), grown.rules)
            grown = dataclasses.replace(grown, wide=counted)
        return grown

    def read(self, split):
        """Batches of uint8 [B, length] of a split; of a sample with several `texts` all of them."""

        def read(record):
            sample = split.read(record)
            return sample["texts"] if "texts" in sample else sample["text"][None]

        texts = split.records.map(read).unbatch().batch(READ_AT_ONCE)
        fit = tf.function(self.geometry, input_signature=[self.serving_specs()], autograph=False)
        return (fit({"text": batch})[0]["text_bytes"] for batch in texts)

    def _chosen(self, count):
        """The vocabulary of a `Counter` of words' bytes; of equally frequent ones the first by their bytes."""
        falling = sorted(count.items(), key=lambda item: (-item[1], item[0]))
        words = [word.decode("utf-8", "replace") for word, number in falling if number >= self.min_count]
        words = [word for word in words if word.isprintable() and "\ufffd" not in word][: self.vocabulary_size]
        if not words:
            raise KerasVisionError(
                f"the training texts have no word that stands there {self.min_count} times; set model.min_count=1, or "
                "an encoder without a vocabulary: model.encoder=fast"
            )
        return tuple(words)

    def graph_inputs(self):
        """Keras tensors by key. Raises before a graph without a vocabulary is built."""
        if self.needs_vocabulary and not self.vocabulary:
            raise KerasVisionError(
                f"{self.registered_name} has no vocabulary; set model.vocabulary, or let the data decide by training"
            )
        specs = (self.encoder.specs(self.rules) if self.encoder else {}) | (
            self.wide.specs(self.rules) if self.wide else {}
        )
        return {k: keras.Input(s.shape[1:], dtype=s.dtype.name, name=k) for k, s in specs.items()}

    def encoded(self, inputs):
        """The encoder's vector, a Keras tensor; None without an encoder."""
        return (
            self.encoder({k: inputs[k] for k in self.encoder.specs(self.rules)}, self.rules) if self.encoder else None
        )

    def units(self, inputs, vector, count, name):
        """[B, count] out of the graph's inputs: a dense layer of the encoder's vector, the wide part, or their sum."""
        parts = []
        if self.encoder:
            parts.append(keras.layers.Dense(count, name=f"{name}_deep" if self.wide else name)(vector))
        if self.wide:
            parts.append(self.wide(inputs, count, f"{name}_wide" if self.encoder else name))
        return keras.layers.Add(name=name)(parts) if len(parts) == 2 else parts[0]

    def vector_of(self, made):
        """The encoder's vector, a Keras tensor, of what `units` made."""
        if not self.encoder:
            raise KerasVisionError(f"{self.registered_name} has no embedding: it has no encoder")
        deep = called_with(made)[0] if self.wide else made
        (vector,) = called_with(deep)
        return vector

    def load_pretrained(self, graph):
        return word_vectors.put(graph, self.vocabulary, self.vectors) if self.vectors else None

    def targets(self):
        return Answering.targets(self)


def _checks(held, size):
    """Assertions about texts, string [B], of `size` bytes."""
    whole = tf.strings.unicode_transcode(held, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False)
    wrong: dict[str, typing.Any] = {
        "a text is empty; give at least one character; bytes:": size < 1,
        f"a text has more than {text.MOST_BYTES} bytes; send less of it; bytes:": size > text.MOST_BYTES,
        "a text is no UTF-8; encode it so; bytes:": whole != held,
    }
    return [
        tf.debugging.Assert(tf.reduce_all(~is_wrong), [f"{SAYS} {line}", tf.boolean_mask(size, is_wrong)])
        for line, is_wrong in wrong.items()
    ]
