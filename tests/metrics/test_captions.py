"""BLEU, ROUGE-L and CIDEr-D against COCO's own evaluation, and the evaluator's other figures by hand.

The numbers are those of pycocoevalcap 1.2 (`Bleu(4)`, `Rouge()`, `Cider()`) for the same sentences.
"""

import numpy as np
import pytest

from kerasvision.metrics import caption_scores
from kerasvision.metrics.captions import Captions, packed
from kerasvision.ops.text import hash_of

CORPUS = (  # what was said, and what people have written
    ("a bird left of two coins", ("a bird left of two coins", "two coins right of a small bird")),
    (
        "two fish above a flower in the sun",
        ("two fish over a flower", "a flower below two red fish in the sun"),
    ),
    ("a tool", ("a tool and a vegetable left of a planet",)),
    ("a vegetable and a a a a tool", ("a tool and a vegetable",)),
    (
        "a mammal left of a vehicle and a coin and a coin and a coin",
        ("a mammal left of a vehicle", "the mammal stands beside a vehicle"),
    ),
    ("an ungulate above three fruits", ("a bird above two fruits", "two birds and a fruit")),
    ("nothing here is right", ("a coin and an ungulate",)),
)
BLEU4 = 0.3471687001943084
ROUGE = (1.0, 0.7176470588235294, 0.3262032085561497, 0.48157894736842105, 0.6192893401015228, 0.4, 0.0)
CIDER = (6.091166185987759, 2.605625446038802, 0.9558136029138511, 2.77175586174823, 0.8270828919444739)
CIDER += (0.692833968745219, 0.0)


def _words():
    return [said.split() for said, _ in CORPUS], [[text.split() for text in texts] for _, texts in CORPUS]


def test_bleu_is_cocos():
    """Which adds 1e-9 and the like to its counts, so that no order is without a hit."""
    parts = sum(caption_scores.bleu_parts(*pair) for pair in zip(*_words(), strict=True))
    assert caption_scores.bleu(parts) == pytest.approx(BLEU4, rel=1e-9)


def test_rouge_is_cocos():
    found = [caption_scores.rouge_l(*pair) for pair in zip(*_words(), strict=True)]
    assert found == pytest.approx(ROUGE, rel=1e-12)


def test_cider_is_cocos():
    assert caption_scores.cider_d(*_words()).tolist() == pytest.approx(CIDER, rel=1e-12)


def test_nothing_said_is_worth_nothing():
    assert caption_scores.rouge_l([], [["a"]]) == 0
    assert caption_scores.bleu(caption_scores.bleu_parts([], [["a", "b", "c", "d"]])) == 0
    assert caption_scores.cider_d([[], ["a"]], [[["a"]], [["b"]]]).tolist() == [0, 0]


VOCABULARY = tuple(sorted({word for said, texts in CORPUS for text in (said, *texts) for word in text.split()}))


def _judged(known="", key_words=()):
    """The evaluator, once it has seen the corpus in two batches."""
    judge = Captions(VOCABULARY, key_words, known)
    for part in (CORPUS[:3], CORPUS[3:]):
        said = np.full((len(part), 16), -1)
        references = np.zeros((len(part), 2, 9), np.int32)
        for row, (text, texts) in enumerate(part):
            said[row, : len(text.split())] = [VOCABULARY.index(word) for word in text.split()]
            for number, reference in enumerate(texts):
                hashes = [hash_of(word.encode()) for word in reference.split()]
                references[row, number, : len(hashes)] = hashes
        judge.update({"words": said}, {"references": references})
    return judge


def test_the_evaluator_gives_the_same_by_hashes():
    found = _judged().result()
    assert found["bleu4"] == pytest.approx(BLEU4, rel=1e-9)
    assert found["rouge_l"] == pytest.approx(np.mean(ROUGE), rel=1e-12)
    assert found["cider"] == pytest.approx(np.mean(CIDER), rel=1e-12)
    assert found["exact"] == pytest.approx(1 / 7) and found["distinct"] == 1.0
    assert found["length"] == pytest.approx(sum(len(said.split()) for said, _ in CORPUS) / 7)
    assert "novel" not in found and "key_f1" not in found
    assert [row["exact"] for row in _judged().cases()] == [1, 0, 0, 0, 0, 0, 0]


def test_a_caption_of_training_is_not_novel():
    known = packed([[hash_of(word.encode()) for word in text.split()] for text in ("a tool", "a bird")])
    assert _judged(known).result()["novel"] == pytest.approx(6 / 7)


def test_key_words_are_counted_one_by_one():
    """coins: said once, asked for once. coin: said three times, asked for once, of another picture. tool: twice."""
    found = _judged(key_words=("coins", "coin", "tool")).result()["key_f1"]
    assert found == pytest.approx(2 * 3 / (6 + 4))


def test_examples_are_chosen_with_the_weights_of_all():
    judge = _judged()
    assert judge.result([1, 1, 3])["cider"] == pytest.approx((2 * CIDER[1] + CIDER[3]) / 3, rel=1e-12)
    assert judge.result([0, 0])["distinct"] == 0.5
    assert judge.result([]) == {}


def test_what_cannot_be_judged_is_undefined_and_no_reference_is_an_empty_one():
    alone = Captions(("a",), ("a",))
    alone.update({"words": np.array([[0, -1]])}, {"references": np.zeros((1, 2, 3), np.int32)})
    found = alone.result()
    assert "cider" not in found and found["exact"] == 0 and found["rouge_l"] == 0 and found["key_f1"] == 0
    silent = Captions(("a",))
    silent.update({"words": np.array([[-1, -1]])}, {"references": np.zeros((1, 1, 3), np.int32)})
    assert silent.result()["exact"] == 1
