"""Error rates of lines against jiwer's."""

import jiwer
import numpy as np
import pytest

from kerasvision.core.characters import BLANK, characters_of, classes_of, text_of
from kerasvision.metrics.reading import Reading

# Latin, Cyrillic, Arabic and Devanagari letters, a letter with a mark that has no composed form, and the blank
ALPHABET = (*"abcdeß", *"жщ", *"שלום", "کِ", "नि", "q̃", BLANK)
RNG = np.random.default_rng(1)


def lines(count):
    """int32 [count, 14], -1 beyond the last of 1 to 14 characters."""
    held = RNG.integers(0, len(ALPHABET), (count, 14)).astype(np.int32)
    held[RNG.random(held.shape) < 0.15] = len(ALPHABET) - 1
    held[np.arange(14)[None] >= RNG.integers(1, 15, (count, 1))] = -1
    return held


def damaged(true):
    """Some characters replaced, some lost."""
    read = np.where(RNG.random(true.shape) < 0.2, RNG.integers(0, len(ALPHABET), true.shape), true)
    read[true < 0] = -1
    lost = (RNG.random(true.shape) < 0.1) & (read >= 0)
    rows = [
        [k for k, gone in zip(row, out, strict=True) if k >= 0 and not gone]
        for row, out in zip(read, lost, strict=True)
    ]
    return np.array([row + [-1] * (true.shape[1] - len(row)) for row in rows], np.int32)


def single(row, without=()):
    """Each character as one code point, blanks as blanks: jiwer counts code points."""
    names = [ALPHABET[k] for k in row if k >= 0 and ALPHABET[k] not in without]
    return "".join(" " if n == BLANK else chr(0x4E00 + ALPHABET.index(n)) for n in names)


@pytest.fixture(scope="module")
def pair():
    true = lines(2000)
    return true, damaged(true)


def test_rates_are_jiwer_s(pair):
    true, read = pair
    judge = Reading(ALPHABET)
    for part in np.array_split(np.arange(len(true)), 7):
        judge.update({"labels": read[part]}, {"characters": true[part]})
    found = judge.result()
    plain = jiwer.Compose([jiwer.ReduceToListOfListOfChars()])
    texts = [[single(row) for row in rows] for rows in (true, read)]
    assert found["cer"] == pytest.approx(jiwer.cer(*texts, plain, plain), abs=1e-9)
    solid = [[single(row, {BLANK}) for row in rows] for rows in (true, read)]
    assert found["cer_without_blanks"] == pytest.approx(jiwer.cer(*solid, plain, plain), abs=1e-9)
    worded = [(a, b) for a, b in zip(*texts, strict=True) if a.split()]
    lone = sum(len(b.split()) for a, b in zip(*texts, strict=True) if not a.split())  # of lines of blanks alone
    measured = jiwer.process_words(*map(list, zip(*worded, strict=True)))
    edits = measured.substitutions + measured.deletions + measured.insertions + lone
    assert found["wer"] == pytest.approx(
        edits / (measured.hits + measured.substitutions + measured.deletions), abs=1e-9
    )
    assert found["exact"] == np.mean([a == b for a, b in zip(*texts, strict=True)])
    assert 0.1 < found["cer"] < 0.5


def test_figures_of_some_examples_are_theirs_alone(pair):
    true, read = pair
    judge, part = Reading(ALPHABET), Reading(ALPHABET)
    judge.update({"labels": read}, {"characters": true})
    some = np.arange(3, 2000, 7)
    part.update({"labels": read[some]}, {"characters": true[some]})
    assert judge.result(some) == pytest.approx(part.result())


def test_a_line_without_characters_has_no_rate():
    judge = Reading(ALPHABET)
    judge.update({"labels": np.full((1, 3), -1)}, {"characters": np.full((1, 3), -1)})
    assert judge.result() == {"exact": 1.0}


def test_the_rate_without_the_least_sure_tenth_and_what_scores_are_worth():
    """Twenty lines of two characters, of which the last two are wrong by one each; by hand, on both sides of a tenth.
    A long line of .8 a character is surer than a short one of .79, though its score is less.
    """
    true = np.array([[0, 1, -1, -1]] * 19 + [[0, 1, 2, 3]])
    read = true.copy()
    read[[3, 4], 0] = 4
    sure = np.full(20, 0.9)
    sure[19] = 0.8
    lengths = (true >= 0).sum(1)
    edits, characters = 2, 2 * 19 + 4
    for unsure, left in (((3, 4), (0, characters - 4)), ((3, 5), (1, characters - 4)), ((), (2, characters - 6))):
        own = sure.copy()
        own[list(unsure)] = 0.79
        judge = Reading(ALPHABET)
        judge.update({"labels": read, "path_score": own**lengths}, {"characters": true})
        found = judge.result()
        assert found["cer"] == edits / characters and found["cer_of_surest"] == pytest.approx(left[0] / left[1])
    # scores of .81 in one bin of fifteen, that of .8 to the fourth in another one, and 18 of 20 lines exact
    right = 17 / 19
    assert found["calibration_error"] == pytest.approx(0.95 * abs(0.81 - right) + 0.05 * (1 - 0.8**4))
    judge = Reading(ALPHABET)
    judge.update({"labels": read}, {"characters": true})
    assert not {"cer_of_surest", "calibration_error"} & set(judge.result()), "without scores there is nothing to say"


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("cafe\u0301", ["c", "a", "f", "é"]),  # composed
        ("q\u0303x", ["q\u0303", "x"]),  # has no composed form
        ("नि न", ["नि", " ", "न"]),
        ("שָׁ", ["שָׁ"]),
        ("", []),
    ],
)
def test_characters_are_those_that_a_person_sees(text, characters):
    import unicodedata

    held = characters_of(text)
    assert held == [unicodedata.normalize("NFC", c) for c in characters]
    assert text_of(classes_of(text)) == unicodedata.normalize("NFC", text)
