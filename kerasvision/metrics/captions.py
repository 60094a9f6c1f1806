"""The evaluator of captions: how near they are to what people have written, and how much they differ among each
other.
"""

import base64
import typing

import numpy as np

from kerasvision.metrics import caption_scores
from kerasvision.metrics.base import Evaluator
from kerasvision.ops.text import hash_of


class Captions(Evaluator):
    """Final. Letters count without their case. Words are those of `ops/text.py`, known by their 32-bit hashes. A sample
    without a word in any reference is one whose right caption is empty.

    `cider` (CIDEr-D, 0 to 10: arXiv:1411.5726; the weights of n-grams are those of all examples that were seen, so that
    one example alone has none), `bleu4` (of the corpus: doi:10.3115/1073083.1073135) and `rouge_l` (W04-1013): as in
    `metrics/caption_scores.py`. `exact`: the share of captions that are one of their references, word for word.
    `distinct`: different captions over captions. `novel`: the share of captions that no text of training is. `key_f1`:
    F1 of the words in `key_words`, over all captions: as many of each are right as stand in the first reference too.
    `length`: words of a caption, in the mean.

    vocabulary: words, lower-cased. key_words: words, lower-cased, or (). known: as `packed` gives it, of the texts of
    training; "": none are known. prediction: `words` int32 [B, T], -1 beyond the last. ground_truth: `references` int32
    [B, R, T], hashes of words, 0 where there is none.
    """

    has_cases: typing.ClassVar[bool] = True

    def __init__(self, vocabulary, key_words=(), known=""):
        self._hashes = [hash_of(word.encode()) for word in vocabulary]
        self._keys = [hash_of(word.encode()) for word in key_words]
        self._known = set(np.frombuffer(base64.b64decode(known), "<i4").tolist())
        self._said, self._references, self._rows, self._cider = [], [], [], None

    @property
    def directions(self):
        most = ("cider", "bleu4", "rouge_l", "exact", "key_f1")
        return dict.fromkeys(most, "max") | dict.fromkeys(("distinct", "novel", "length"), "none")

    def update(self, prediction, ground_truth):
        for words, references in zip(prediction["words"], ground_truth["references"], strict=True):
            said = tuple(self._hashes[i] for i in words if i >= 0)
            held = [row for row in (tuple(int(word) for word in row if word) for row in references) if row] or [()]
            self._said.append(said)
            self._references.append(held)
            self._rows.append(
                {
                    "bleu4": caption_scores.bleu_parts(said, held),
                    "rouge_l": caption_scores.rouge_l(said, held),
                    "exact": said in held,
                    "novel": number_of(said) not in self._known,
                    "key_f1": self._keys_in(said, held[0]),
                    "length": len(said),
                }
            )
        self._cider = None

    def _keys_in(self, said, reference):
        """int [3]: key words that stand in both, in what was said, and in the reference."""
        mine, theirs = (np.array([words.count(key) for key in self._keys], np.int64) for words in (said, reference))
        return np.array([np.minimum(mine, theirs).sum(), mine.sum(), theirs.sum()])

    def figures(self, examples=None):
        kept = np.arange(len(self._rows)) if examples is None else np.asarray(examples, np.int64)
        if not len(kept):
            return dict.fromkeys(self.directions, lambda: None)

        def held(name):
            return np.array([self._rows[i][name] for i in kept])

        def mean(name):
            return lambda: float(held(name).mean())

        return {
            "cider": lambda: float(self._ciders()[kept].mean()) if len(self._rows) > 1 else None,
            "bleu4": lambda: caption_scores.bleu(held("bleu4").sum(0)),
            "rouge_l": mean("rouge_l"),
            "exact": mean("exact"),
            "distinct": lambda: len({self._said[i] for i in kept}) / len(kept),
            "novel": mean("novel") if self._known else lambda: None,
            "key_f1": lambda: _f1(*held("key_f1").sum(0)) if self._keys else None,
            "length": mean("length"),
        }

    def cases(self):
        return [
            {"cider": float(c), "rouge_l": row["rouge_l"], "exact": float(row["exact"])}
            for row, c in zip(self._rows, self._ciders(), strict=True)
        ]

    def _ciders(self):
        if self._cider is None:
            self._cider = caption_scores.cider_d(self._said, self._references)
        return self._cider


def _f1(right, mine, theirs):
    return float(2 * right / (mine + theirs)) if mine + theirs else None


def number_of(hashes):
    """A 32-bit number for a text, by the hashes of its words."""
    return hash_of(np.array(hashes, "<i4").tobytes())


def packed(texts):
    """Texts, each a sequence of hashes of words, as `Captions` knows them: base64 of their numbers, each once."""
    return base64.b64encode(np.array(sorted({number_of(text) for text in texts}), "<i4").tobytes()).decode()
