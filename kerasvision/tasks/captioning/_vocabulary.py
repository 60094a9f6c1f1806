"""What captions of a training split decide: their words, how these are written, and which captions there are."""

import collections
import dataclasses

import tensorflow as tf

from kerasvision.metrics.captions import packed
from kerasvision.ops import text


@dataclasses.dataclass(frozen=True)
class Learned:
    """spellings: of each word of a vocabulary. known: the captions, as `metrics.captions.packed`. texts: how many there
    are; cut: how many have more words than are looked at.
    """

    spellings: tuple[str, ...]
    known: str
    texts: int
    cut: int


def learned(batches, rules):
    """`Learned` of batches of uint8 [B, length]. rules: `text_encoders.base.Rules`, with a vocabulary.

    A word is written as it mostly is where it does not begin a text, for the first letter of a text is often large; one
    that always begins it, as it mostly is there.
    """
    within, first = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    found, texts, cut = set(), 0, 0
    for batch in batches:
        words = text.words_of(batch, rules.words + 1, rules.multiplier)
        plain = text.words_of(batch, rules.words)
        found |= {tuple(h for h, is_word in zip(*row, strict=True) if is_word) for row in _rows(plain)}
        cut += int(tf.reduce_sum(tf.cast(words.present[:, rules.words], tf.int32)))
        texts += len(batch)
        bytes_ = text.shifted(tf.cast(batch, tf.int32), 1, batch.shape[1] + 1)
        written = text.spelled(dataclasses.replace(words, values=bytes_))
        for low, own in zip(text.spelled(words), written, strict=True):
            for place, (word, spelling) in enumerate(zip(low, own, strict=True)):
                (within if place else first)[word.decode("utf-8", "replace")][spelling] += 1
    spellings = tuple(_most(within[word] or first[word], word) for word in rules.vocabulary)
    return Learned(spellings, packed(found), texts, cut)


def _rows(words):
    return zip(words.hashes.numpy().tolist(), words.present.numpy().tolist(), strict=True)


def _most(counter, word):
    """The most frequent spelling, of equally frequent ones the first by its bytes; the word where there is none."""
    if not counter:
        return word
    return min(counter.items(), key=lambda item: (-item[1], item[0]))[0].decode("utf-8", "replace")
