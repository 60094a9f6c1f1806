"""Other spellings of a text: words dropped, replaced or out of order, and letters mistyped.

After "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks" (Wei and Zou 2019,
arXiv:1901.11196) and "Synthetic and Natural Noise Both Break Neural Machine Translation" (Belinkov and Bisk 2018,
arXiv:1711.02173), section 3.2. Words are what stands between white space. A text keeps one word at least.
"""

import abc
import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import Augmentation


class TextAugmentation(Augmentation):
    """Abstract. An augmentation of `text`, a string scalar in UTF-8; of several `texts` [N], of which training draws
    one, each is changed by a seed of its own.
    """

    works_on: typing.ClassVar[tuple[str, ...]] = ("text",)

    def __call__(self, sample, seed):
        if "texts" not in sample:
            return sample | {"text": self._kept(sample["text"], seed)}

        def one(pair):
            return self._kept(pair[0], tf.random.experimental.stateless_fold_in(seed, pair[1]))

        texts = sample["texts"]
        changed = tf.map_fn(one, (texts, tf.range(tf.shape(texts)[0])), fn_output_signature=tf.string)
        return sample | {"text": changed[0], "texts": changed}

    def _kept(self, text, seed):
        """The text as it is to be, or as it was where nothing would be left of it."""
        changed = self.changed(text, seed)
        return tf.where(tf.strings.length(changed) > 0, changed, text)

    @abc.abstractmethod
    def changed(self, text, seed):
        """The text, a string scalar, as it is to be; "" leaves it as it was."""


@augmentations.register("text/drop_words")
@dataclasses.dataclass(frozen=True)
class DropWords(TextAugmentation):
    """rate: of words that are left out."""

    rate: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, rate=(0, 1))

    def changed(self, text, seed):
        words = tf.strings.split(text)
        kept = tf.random.stateless_uniform(tf.shape(words), seed) >= self.rate
        return tf.strings.reduce_join(tf.boolean_mask(words, kept), separator=" ")


@augmentations.register("text/replace_words")
@dataclasses.dataclass(frozen=True)
class ReplaceWords(TextAugmentation):
    """Each word becomes another one with a chance of `rate`: any of `by`, drawn alike. ("_",) is blank noising, and
    frequent words of the training texts are much like unigram noising ("Data Noising as Smoothing in Neural Network
    Language Models", Xie et al. 2017, arXiv:1703.02573, section 3).
    """

    rate: float = 0.1
    by: tuple[str, ...] = ("_",)

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, rate=(0, 1))
        if not self.by or not all(len(word.split()) == 1 for word in self.by):
            raise UsageError(f"text/replace_words: by={self.by}; allowed: words without blanks, one at least")

    def changed(self, text, seed):
        words = tf.strings.split(text)
        which, others = draws.split(seed, 2)
        replaced = tf.random.stateless_uniform(tf.shape(words), which) < self.rate
        drawn = tf.random.stateless_uniform(tf.shape(words), others, maxval=len(self.by), dtype=tf.int32)
        held = tf.where(replaced, tf.gather(tf.constant(self.by), drawn), words)
        return tf.strings.reduce_join(held, separator=" ")


@augmentations.register("text/move_words")
@dataclasses.dataclass(frozen=True)
class MoveWords(TextAugmentation):
    """reach: places that a word moves at most, by sorting i + U(0, reach + 1) (Lample et al. 2018, arXiv:1711.00043,
    section 2.3).
    """

    reach: int = 1

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, reach=(0, 1000))

    def changed(self, text, seed):
        words = tf.strings.split(text)
        return tf.strings.reduce_join(tf.gather(words, _moved(tf.shape(words)[0], self.reach, seed)), separator=" ")


@augmentations.register("text/misspell")
@dataclasses.dataclass(frozen=True)
class Misspell(TextAugmentation):
    """rate: of letters that are left out, written twice or exchanged with their neighbor, each as often."""

    rate: float = 0.03

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, rate=(0, 1))

    def changed(self, text, seed):
        letters = tf.strings.unicode_split(text, "UTF-8", errors="replace")
        count = tf.shape(letters)[0]
        which, *_ = seeds = draws.split(seed, 2)
        drawn = tf.random.stateless_uniform([count], which)
        third = self.rate / 3
        times = tf.where(drawn < third, 0, tf.where(drawn < 2 * third, 2, 1))
        swaps = tf.cast(tf.random.stateless_uniform([count], seeds[1]) < third, tf.float32)
        place = tf.argsort(tf.cast(tf.range(count), tf.float32) + 1.5 * swaps, stable=True)
        return tf.strings.reduce_join(tf.repeat(tf.gather(letters, place), tf.gather(times, place)))


def _moved(count, reach, seed):
    """int32 [count]: an order in which nothing is further than `reach` places from where it was."""
    noise = tf.random.stateless_uniform([count], seed) * (reach + 1)
    return tf.argsort(tf.cast(tf.range(count), tf.float32) + noise, stable=True)
