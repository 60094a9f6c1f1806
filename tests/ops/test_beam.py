"""Decoding on the host against an exhaustive search over all paths, Python's `re`, and closed forms."""

import collections
import itertools
import math
import re

import numpy as np
import pytest

from kerasvision.core.errors import UsageError
from kerasvision.ops.automata import Lexicon
from kerasvision.ops.beam import alignment, prefix_beam, text_log_probability
from kerasvision.ops.character_model import CharacterModel
from kerasvision.ops.patterns import automaton_of

T, K = 5, 3
ALPHABET = ("a", "b", "1")


def frames(seed, length=T):
    shares = np.random.default_rng(seed).dirichlet(np.full(K + 1, 0.7), length)
    return np.log(shares)


def said(path):
    """Equal neighbors joined, then blanks (K) dropped."""
    return tuple(k for k, _ in itertools.groupby(path) if k != K)


def exhaustive(log_probabilities):
    """{text: probability}, the sum over every one of the (K + 1) ** T paths."""
    found = collections.Counter()
    for path in itertools.product(range(K + 1), repeat=len(log_probabilities)):
        found[said(path)] += math.exp(sum(row[k] for row, k in zip(log_probabilities, path, strict=True)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_probabilities_and_the_best_text_are_those_of_all_paths(seed):
    held = frames(seed)
    expected = exhaustive(held)
    assert sum(expected.values()) == pytest.approx(1)
    for text, share in expected.items():
        assert math.exp(text_log_probability(held, text)) == pytest.approx(share)
    found = prefix_beam(held, width=len(expected) + 100)
    assert found[0].text == expected.most_common(1)[0][0]
    assert {f.text: f.log_probability for f in found} == pytest.approx({t: math.log(p) for t, p in expected.items()})
    assert text_log_probability(held, (0, 0, 0, 0)) == -math.inf  # needs seven frames


def test_the_likeliest_text_is_not_the_likeliest_path():
    held = np.log([[0.4, 0.001, 0.001, 0.598]] * 2)  # blanks are the best path, and "a" the sum of three
    (best, *_), path = prefix_beam(held, 8), held.argmax(1)
    assert said(path) == () and best.text == (0,)
    assert math.exp(best.log_probability) == pytest.approx(0.4 * 0.4 + 2 * 0.4 * 0.598)


@pytest.mark.parametrize("seed", range(3))
def test_a_lexicon_s_shares_are_those_of_all_paths(seed):
    held, texts = frames(seed), [(0,), (0, 1), (0, 0), (2, 1, 2), (), (1, 0, 0, 1)]
    expected = exhaustive(held)
    found = np.exp(Lexicon(texts).log_probabilities(held))
    np.testing.assert_allclose(found, [expected[t] for t in texts])


@pytest.mark.parametrize("pattern", ["[ab]1?", "a*", "(ab|b1)+", "1{2,3}|b", "[^a].", "a{2}", "(a|b)*1"])
def test_a_pattern_is_what_python_s_re_matches_and_its_mass_that_of_all_paths(pattern):
    automaton, held = automaton_of(pattern, ALPHABET), frames(7)
    for length in range(5):
        for text in itertools.product(range(K), repeat=length):
            state = 0
            for k in text:
                state = automaton.following[state, k] if state >= 0 else -1
            word = "".join(ALPHABET[k] for k in text)
            assert bool(state >= 0 and automaton.accepting[state]) == bool(re.fullmatch(pattern, word)), word
    expected = {t: p for t, p in exhaustive(held).items() if re.fullmatch(pattern, "".join(ALPHABET[k] for k in t))}
    assert math.exp(automaton.log_mass(held)) == pytest.approx(sum(expected.values()))
    best = prefix_beam(held, 500, automaton)[0]
    assert best.text == max(expected, key=expected.get)
    assert math.exp(best.log_probability) == pytest.approx(expected[best.text])


@pytest.mark.parametrize("blank", [1e-3, 1e-12, 1e-20, 1e-40])
def test_what_is_small_is_not_lost_from_the_mass(blank):
    """ "11" has one way through three frames that say 1: a blank in the middle."""
    held = np.log(np.tile([1e-3, 1e-3, 1.0, blank], (3, 1)))
    found = automaton_of("11", ALPHABET).log_mass(held)
    assert found == pytest.approx(math.log(blank), rel=1e-9)
    assert found == pytest.approx(text_log_probability(held, (2, 2)), rel=1e-9)


@pytest.mark.parametrize("other", [1e-2, 1e-9])
def test_a_narrow_beam_finds_what_a_pattern_asks_of_a_line_that_says_something_shorter(other):
    """ "ab" over forty frames, where six characters are asked for: what is said so far hides what can still come."""
    shares = np.full((40, K + 1), other)
    for start, k in ((0, 0), (10, K), (20, 1), (30, K)):
        shares[start : start + 10, k] = 1.0
    held = np.log(shares / shares.sum(1, keepdims=True))
    automaton = automaton_of("[ab1]{6}", ALPHABET)
    every = {t: text_log_probability(held, t) for t in itertools.product(range(K), repeat=6)}
    assert automaton.log_mass(held) == pytest.approx(np.logaddexp.reduce(list(every.values())))
    best = prefix_beam(held, 20, automaton)[0]
    assert best.log_probability == pytest.approx(max(every.values())) == every[best.text]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(a", "a \\( without"),
        ("a)", "a \\) without"),
        ("[a", "a \\[ without"),
        ("*a", "\\* has nothing before"),
        ("a{3,2}", "times that rise"),
        ("a{x}", "needs"),
        ("\\w", "not known"),
        ("a{101}", "up to 100"),
        ("z", "no text of the alphabet of 3 matches"),
        ("[b-a]", "b-a goes backwards"),
        ("(.{0,20}){0,20}", "written out it has more than 1000"),
        ("a" * 5000, "of 5000 characters is too long"),
        ("(" * 2000 + "a" + ")" * 2000, "too long or too deep"),
    ],
)
def test_a_pattern_that_is_none_is_one_line(pattern, says):
    with pytest.raises(UsageError, match=says) as error:
        automaton_of(pattern, ALPHABET)
    assert "\n" not in str(error.value)


def test_the_character_model_by_hand():
    """Of "ab" and "a", bigrams: behind a stand b once and the end once; behind nothing a twice."""
    model = CharacterModel([(0, 1), (0,)], K, order=2)
    unigram = {0: (2 + 3 / 4) / 8, 1: (1 + 3 / 4) / 8, 2: (3 / 4) / 8, 3: (2 + 3 / 4) / 8}  # a 2, b 1, end 2; 3 kinds
    assert model.row(()) == pytest.approx([unigram[k] for k in range(4)])
    assert model.row((0,)) == pytest.approx([(n + 2 * unigram[k]) / 4 for k, n in enumerate((0, 1, 0, 1))])
    assert model.row((2,)) == pytest.approx(model.row(()))  # never seen: as if nothing were before it
    for context in itertools.product(range(K), repeat=2):
        assert CharacterModel([(0, 1, 2, 0)], K, order=3).row(context).sum() == pytest.approx(1)


def test_a_character_model_decides_what_frames_leave_open():
    model = CharacterModel([(0, 1)] * 20 + [(2, 0)] * 20, K, order=3, weight=1.0)
    held = np.log([[0.9, 0.03, 0.03, 0.04], [0.02, 0.02, 0.02, 0.94], [0.05, 0.44, 0.46, 0.05]])
    plain, told = prefix_beam(held, 200), prefix_beam(held, 200, model)
    assert plain[0].text == (0, 2) and told[0].text == (0, 1)
    for f in told:
        assert f.weighed == pytest.approx(math.log(exhaustive(held)[f.text]) + model.weigh(f.text))


def test_an_alignment_is_the_likeliest_path_of_its_text():
    for seed, text in itertools.product(range(3), [(0,), (0, 1), (1, 1), (2, 0, 1)]):
        held = frames(seed)
        paths = [p for p in itertools.product(range(K + 1), repeat=T) if said(p) == text]
        best = max(paths, key=lambda p: sum(row[k] for row, k in zip(held, p, strict=True)))
        runs = [[t for t, _ in g] for k, g in itertools.groupby(enumerate(best), lambda pair: pair[1]) if k != K]
        assert alignment(held, text) == [(run[0], run[-1] + 1) for run in runs]
