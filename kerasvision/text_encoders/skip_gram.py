"""Vectors of words from texts alone: a word's vector says which words stand around it. Skip-gram with negative
sampling, "Distributed Representations of Words and Phrases and their Compositionality" (Mikolov et al. 2013,
arXiv:1310.4546).

Of each pair of a word w and one that stands at most a drawn distance from it, o, equation 4 grows by
log s(v_o . v_w) + sum over k drawn words of log s(-v_i . v_w), s the logistic function. Words are drawn by their
frequency to the power 3/4; frequent ones are left out with the chance 1 - sqrt(t / f) (equation 5). Pairs are taken in
batches, whose updates add up.
"""

import collections
import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.ops import text

BATCH = 256  # pairs
LEAST_RATE = 1e-4  # of the first one, at the end


@dataclasses.dataclass(frozen=True)
class SkipGram:
    """size: of a vector. window: the farthest a neighbor is away. negatives: k. epochs, rate: of gradient ascent, the
    rate falling evenly. sample: t. min_count: rarer words are left out. seed: of all that is drawn.
    """

    size: int = 64
    window: int = 5
    negatives: int = 5
    epochs: int = 5
    rate: float = 0.025
    sample: float = 1e-3
    min_count: int = 2
    seed: int = 0

    def __post_init__(self):
        least = min(self.size, self.window, self.negatives, self.epochs, self.min_count)
        if least < 1 or not self.rate > 0 or not self.sample > 0:
            raise UsageError(f"{self}; allowed: 1 or more of each count, rate and sample above 0")

    def vectors(self, sentences):
        """Lists of words -> (words, the most frequent first, float32 [N, size])."""
        count = collections.Counter(word for sentence in sentences for word in sentence)
        kept = sorted((w for w, n in count.items() if n >= self.min_count), key=lambda w: (-count[w], w))
        if len(kept) < 2:
            raise UsageError(f"fewer than two words stand there {self.min_count} times; more texts, or min_count=1")
        number = {word: i for i, word in enumerate(kept)}
        ids = [np.array([number[w] for w in sentence if w in number], np.int64) for sentence in sentences]
        often = np.array([count[word] for word in kept], np.float64)
        random = np.random.default_rng(self.seed)
        own = ((random.random((len(kept), self.size)) - 0.5) / self.size).astype(np.float32)
        around = np.zeros_like(own)
        noise = np.cumsum(often**0.75) / (often**0.75).sum()
        for epoch in range(self.epochs):
            pairs = self._pairs(ids, often, random)
            for begin in range(0, len(pairs), BATCH):
                done = (epoch + begin / len(pairs)) / self.epochs
                drawn = np.searchsorted(noise, random.random((len(pairs[begin : begin + BATCH]), self.negatives)))
                drawn = np.minimum(drawn, len(kept) - 1)
                step(own, around, pairs[begin : begin + BATCH], drawn, self.rate * max(1 - done, LEAST_RATE))
        return tuple(kept), own

    def _pairs(self, ids, often, random):
        """int [P, 2] of (word, neighbor), in a drawn order; all of an epoch at once."""
        stays = np.minimum(1.0, np.sqrt(self.sample * often.sum() / often))
        found = [np.zeros((0, 2), np.int64)]
        for sentence in ids:
            sentence = sentence[random.random(len(sentence)) < stays[sentence]]
            reach = random.integers(1, self.window + 1, len(sentence))
            for away in range(1, min(self.window, len(sentence) - 1) + 1):
                near, far = sentence[:-away], sentence[away:]
                forward, backward = reach[:-away] >= away, reach[away:] >= away
                found.append(np.stack([near[forward], far[forward]], 1))
                found.append(np.stack([far[backward], near[backward]], 1))
        pairs = np.concatenate(found)
        return pairs[random.permutation(len(pairs))]


def step(own, around, pairs, drawn, rate):
    """One update of both tables in place, by the slopes of equation 4. own, around: float32 [N, D], vectors of words
    and of neighbors. pairs: int [B, 2]. drawn: int [B, k]; a drawn word that is the neighbor itself does not count.
    """
    words, neighbors = pairs.T
    others = np.concatenate([neighbors[:, None], drawn], 1)  # [B, 1 + k]
    v, u = own[words], around[others]
    wanted = np.zeros(others.shape, np.float32)
    wanted[:, 0] = 1
    slopes = wanted - 1 / (1 + np.exp(-np.einsum("bd,bkd->bk", v, u)))
    slopes[:, 1:][drawn == neighbors[:, None]] = 0
    slopes = (rate * slopes).astype(np.float32)
    np.add.at(own, words, np.einsum("bk,bkd->bd", slopes, u))
    np.add.at(around, others, slopes[..., None] * v[:, None])


def words_in(texts, length=1024):
    """Strings -> lists of their words as every file has them (`ops.text`), of the first `length` bytes."""
    for begin in range(0, len(texts), 256):
        held = text.cut(tf.constant(texts[begin : begin + 256]), length)
        for row in text.spelled(text.words_of(held, length // 2)):
            yield [word.decode("utf-8", "replace") for word in row]
