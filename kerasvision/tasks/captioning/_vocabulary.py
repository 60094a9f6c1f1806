"""What captions of a training split decide: their words, how these are written, and which captions there are."""

import collections
import dataclasses
import functools

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
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
        whole = text.words_of(batch, rules.length)
        found |= {tuple(h for h, is_word in zip(*row, strict=True) if is_word) for row in _rows(whole)}
        is_long = words.present[:, rules.words].numpy() | (batch[:, -1].numpy() > 0)  # of words, or maybe of bytes
        cut += int(is_long.sum())
        texts += len(batch)
        bytes_ = text.shifted(tf.cast(batch, tf.int32), 1, batch.shape[1] + 1)
        written = text.spelled(dataclasses.replace(words, values=bytes_))
        for low, own in zip(text.spelled(words), written, strict=True):
            for place, (word, spelling) in enumerate(zip(low, own, strict=True)):
                (within if place else first)[word.decode("utf-8", "replace")][spelling] += 1
    spellings = tuple(_most(within[word] or first[word], word) for word in rules.vocabulary)
    return Learned(spellings, packed(found), texts, cut)


def require_words(field, words):
    """UsageError of what is no single word by the rules of `ops/text.py`, and, but in spellings, of large letters."""
    if words and (wrong := _no_word(words, field != "spellings")) is not None:
        raise UsageError(f"model.{field}: {wrong!r} is no word; allowed: single words, in small letters")


@functools.lru_cache(maxsize=64)
def _no_word(words, in_small):
    """The first that is none, or None."""
    encoded = [word.encode() for word in words]
    held = np.zeros((len(words), max(1, *map(len, encoded))), np.int32)
    for row, word in zip(held, encoded, strict=True):
        row[: len(word)] = list(word)
    with tf.init_scope():  # an architecture may be made while another is traced
        found = text.spelled(text.words_of(tf.constant(held), 2))
    low = ["".join(map(text.lowered, word)) for word in words]
    for word, small, spelled in zip(words, low, found, strict=True):
        if spelled != [small.encode()] or (in_small and small != word):
            return word
    return None


def _rows(words):
    return zip(words.hashes.numpy().tolist(), words.present.numpy().tolist(), strict=True)


def _most(counter, word):
    """The most frequent spelling, of equally frequent ones the first by its bytes; the word where there is none."""
    if not counter:
        return word
    return min(counter.items(), key=lambda item: (-item[1], item[0]))[0].decode("utf-8", "replace")
