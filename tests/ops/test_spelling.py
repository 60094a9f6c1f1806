"""Numbers of words become the bytes that a person would write."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops.spelling import Spelling
from tests.ops.plain_spelling import text_of

WORDS = ("a", "Straße", "bird", ",", ".", "(", ")", "-", "鳥", "と", "🐦", "!", "well", "known")


def _numbers(words, places=12):
    held = [WORDS.index(word) for word in words]
    return np.int32(held + [-1] * (places - len(held)))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "bird", ",", "a", "Straße", "."), "a bird, a Straße."),
        (("a", "(", "well", "-", "known", ")", "bird", "!"), "a (well-known) bird!"),
        (("鳥", "と", "鳥", "."), "鳥と鳥."),
        (("a", "鳥", "bird"), "a 鳥 bird"),
        (("a", "🐦", "🐦"), "a 🐦 🐦"),
    ],
)
def test_a_text_is_written_as_people_do(words, text):
    spelling, numbers = Spelling(WORDS), _numbers(words)
    assert text_of(WORDS, numbers[: len(words)]) == text
    found = spelling.utf8(tf.constant(numbers[None]), spelling.bytes_of(12))
    assert found.dtype == tf.uint8 and found.shape == (1, 12 * 7 + 12)
    assert bytes(found.numpy()[0]).rstrip(b"\0").decode() == text


def test_random_texts_are_those_of_plain_python():
    rng = np.random.default_rng(0)
    spelling = Spelling(WORDS)
    numbers = rng.integers(0, len(WORDS), (300, 9)).astype(np.int32)
    numbers[np.arange(9)[None] >= rng.integers(0, 10, 300)[:, None]] = -1
    found = spelling.utf8(tf.constant(numbers), spelling.bytes_of(9)).numpy()
    for row, said in zip(found, numbers, strict=True):
        assert bytes(row).rstrip(b"\0").decode() == text_of(WORDS, said[said >= 0])


def test_what_is_beyond_the_length_is_cut():
    found = Spelling(("bird",)).utf8(tf.constant([[0, 0]]), 7)
    assert bytes(found.numpy()[0]) == b"bird bi"
