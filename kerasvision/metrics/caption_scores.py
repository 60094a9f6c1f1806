"""How near a sentence is to others that are right: BLEU, ROUGE-L and CIDEr-D, over sequences of hashable words."""

import collections
import math

import numpy as np

ORDERS = 4  # n-grams of one to so many words
_BETA = 1.2  # of ROUGE-L: recall counts so many times as much as precision (COCO's evaluation)
_SPREAD = 6.0  # words of difference in length: of CIDEr-D's Gaussian


def ngrams(words):
    """A Counter of the n-grams of each order, [ORDERS]."""
    return [
        collections.Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for n in range(1, ORDERS + 1)
    ]


def bleu_parts(said, references):
    """int [2 ORDERS + 2] of one sentence: n-grams that a reference has too, and all its n-grams, of each order; its
    length, and that of the reference that is nearest in length, the shorter of two.
    """
    mine, theirs = ngrams(said), [ngrams(words) for words in references]
    right = [sum(min(count, max(t[n][gram] for t in theirs)) for gram, count in mine[n].items()) for n in range(ORDERS)]
    nearest = min((abs(len(words) - len(said)), len(words)) for words in references)[1]
    return np.array([*right, *(sum(grams.values()) for grams in mine), len(said), nearest], np.int64)


def bleu(parts):
    """BLEU-4 of the sum of `bleu_parts` over a corpus: "BLEU: a Method for Automatic Evaluation of Machine Translation"
    (Papineni et al. 2002, doi:10.3115/1073083.1073135, section 2.3). 0 where no n-gram of an order is right.
    """
    right, every, (mine, theirs) = parts[:ORDERS], parts[ORDERS : 2 * ORDERS], parts[2 * ORDERS :]
    if not right.all():
        return 0.0
    brevity = 1.0 if mine > theirs else math.exp(1 - theirs / mine)
    return brevity * math.exp(float(np.log(right / every).mean()))


def rouge_l(said, references):
    """F of the longest common subsequence with any reference: "ROUGE: A Package for Automatic Evaluation of Summaries"
    (Lin 2004, W04-1013, equations 2 to 4), best recall and best precision of all references, beta 1.2.
    """
    common = [_common(said, words) for words in references]
    recall = max(n / max(1, len(words)) for n, words in zip(common, references, strict=True))
    precision = max(common) / max(1, len(said))
    if not recall or not precision:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _common(first, second):
    """Length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for place, other in enumerate(second, start=1):
            before, row[place] = row[place], before + 1 if word == other else max(row[place], row[place - 1])
    return row[-1]


def cider_d(said, references):
    """float [N]: CIDEr-D of each sentence of a corpus, 0 to 10: "CIDEr: Consensus-based Image Description Evaluation"
    (Vedantam, Zitnick, Parikh 2015, arXiv:1411.5726, section 4 and 6): the mean over orders and references of the
    cosine of n-grams, each weighed by how few pictures have it in a reference, clipped, times a Gaussian of the
    difference in length.

    said: [N] sentences. references: [N] lists of sentences, which the weights of n-grams come from.
    """
    known = [[ngrams(words) for words in one] for one in references]
    found = [collections.Counter() for _ in range(ORDERS)]
    for one in known:
        for order, count in enumerate(found):
            count.update({gram for grams in one for gram in grams[order]})
    scale = math.log(max(1, len(references)))

    def weighed(grams):
        vectors = [
            {gram: n * (scale - math.log(max(1, count[gram]))) for gram, n in held.items()}
            for held, count in zip(grams, found, strict=True)
        ]
        return vectors, [math.sqrt(sum(v * v for v in vector.values())) for vector in vectors]

    return np.array(
        [
            np.mean([_alike(weighed(ngrams(mine)), weighed(grams), len(mine) - len(words)) for words, grams in pairs])
            for mine, pairs in zip(said, map(lambda a, b: list(zip(a, b, strict=True)), references, known), strict=True)
        ]
    )


def _alike(mine, theirs, longer):
    """10 times the mean over orders of the clipped cosine, less by the difference in length."""
    total = 0.0
    for vector, norm, other, other_norm in zip(*mine, *theirs, strict=True):
        if norm and other_norm:
            shared = sum(min(v, other[gram]) * other[gram] for gram, v in vector.items() if gram in other)
            total += shared / (norm * other_norm)
    return 10.0 * total / ORDERS * math.exp(-(longer**2) / (2 * _SPREAD**2))
