"""The contract of every text encoder."""

import abc
import dataclasses

import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.ops import text


@dataclasses.dataclass(frozen=True)
class Rules:
    """What ids are made by. length: bytes of a text that are looked at. words: at most so many of its words.
    vocabulary: the known ones, as `ops.text.in_order` sorts them.
    """

    length: int
    words: int
    vocabulary: tuple[str, ...] = ()

    @property
    def multiplier(self):
        """Of the hashes."""
        return text.multiplier_of(tuple(sorted(self.vocabulary)))

    def words_of(self, text_bytes):
        """uint8 [B, length] -> `ops.text.Words`."""
        return text.words_of(text_bytes, self.words, self.multiplier)

    def vocabulary_ids(self, words):
        """int32 [B, words]: 0 where there is none, 1 of what is not in the vocabulary."""
        return text.looked_up(words.hashes, words.present, self.vocabulary, self.multiplier)

    @property
    def vocabulary_rows(self):
        """How many different ids there are."""
        return text.FIRST + len(self.vocabulary)


class TextEncoder(Component):
    """Abstract. Final subclasses are frozen dataclasses, whose fields are the variant."""

    kind = "text_encoders"
    needs_vocabulary: bool = False  # whether `ids` looks words up

    @abc.abstractmethod
    def specs(self, rules) -> dict[str, tf.TensorSpec]:
        """key -> spec of each of the graph's inputs that it reads, batched. rules: `Rules`."""

    @abc.abstractmethod
    def ids(self, words, rules):
        """`ops.text.Words` -> {key: tensor} as `specs` says. Pure TensorFlow, integer operators alone for ids."""

    @abc.abstractmethod
    def __call__(self, inputs, rules):
        """Apply the layers to Keras tensors {key: [B, ...]} -> a vector [B, D]. Only Keras layers, no nested model, no
        Lambda; layer names start with `encoder_`.
        """
