"""Augmentations of texts: rates and reaches by counting, and what they may not touch."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations, create
from kerasvision.data.augmenting import check_augmentations
from tests.data.augment.traced import plain

CASES = {
    "text/drop_words": {"rate": 0.3},
    "text/misspell": {"rate": 0.3},
    "text/move_words": {"reach": 2},
    "text/replace_words": {"rate": 0.3, "by": ("_", "日")},
}
LINE = "Größe und Länge, 日本 words of several kinds; and one more"


def after(part, text, number):
    sample = {"text": tf.constant(text.encode()), "label": tf.constant(3)}
    changed = part(sample, tf.constant([17, number]))
    assert changed.keys() == sample.keys() and changed["label"] == 3
    return changed["text"].numpy().decode()


@pytest.mark.parametrize("name", CASES)
def test_seeds_alone_decide_eagerly_and_in_tf_data(name):
    part = augmentations[name](**CASES[name])
    assert from_json(to_json(part)) == part
    found = [after(part, LINE, n) for n in range(4)]
    data = tf.data.Dataset.range(4).map(
        plain(lambda n: part({"text": tf.constant(LINE.encode())}, tf.stack([17, tf.cast(n, tf.int32)]))["text"])
    )
    assert [text.decode() for text in data.as_numpy_iterator()] == found
    assert len(set(found)) == 4
    for text in ("a", "日", ""):  # nothing is left of none, and something of one
        assert after(part, text, 1) == text or text and after(part, text, 1) in (2 * text, text, "_", "日")


def test_as_many_words_are_dropped_as_the_rate_says():
    """5,000 words: three standard deviations of a share of 0.3 are 0.02."""
    text = " ".join(f"w{n}" for n in range(5000))
    found = after(create("augmentations/text/drop_words", rate=0.3), text, 0).split()
    assert abs(len(found) / 5000 - 0.7) < 0.02
    assert found == [w for w in text.split() if w in set(found)]  # in their order
    assert after(create("augmentations/text/drop_words", rate=0.0), text, 0) == text
    assert after(create("augmentations/text/drop_words", rate=1.0), "all of it", 0) == "all of it"


def test_as_many_words_are_replaced_as_the_rate_says_by_each_alike():
    """6,000 words, of which 0.3 become one of three: three standard deviations of a share of 0.1 are 0.012."""
    words = [f"w{n}" for n in range(6000)]
    part = create("augmentations/text/replace_words", rate=0.3, by=("_", "it", "日"))
    found = after(part, " ".join(words), 3).split()
    count = collections.Counter(found)
    assert len(found) == 6000 and all(a == b for a, b in zip(found, words, strict=True) if a not in part.by)
    assert all(abs(count[word] / 6000 - 0.1) < 0.012 for word in part.by)
    for rate, expected in ((0.0, "all of it"), (1.0, "_ _ _")):
        assert after(create("augmentations/text/replace_words", rate=rate), "all of it", 0) == expected
    for by in ((), ("two words",), ("",)):
        with pytest.raises(UsageError, match="allowed: words without blanks, one at least"):
            create("augmentations/text/replace_words", by=by)


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_words_move_no_further_than_the_reach(reach):
    words = [f"w{n}" for n in range(400)]
    found = after(create("augmentations/text/move_words", reach=reach), " ".join(words), 2).split()
    assert sorted(found) == sorted(words)
    moved = np.abs([int(w[1:]) - n for n, w in enumerate(found)])
    assert moved.max() == reach


def test_letters_are_left_out_doubled_and_exchanged_equally_often():
    """30,000 different letters, a third of 0.3 each: three standard deviations are 0.006."""
    letters = [chr(0x4E00 + n % 20000) for n in range(20000)]
    found = after(create("augmentations/text/misspell", rate=0.3), "".join(letters), 5)
    count = collections.Counter(found)
    assert abs(sum(c not in count for c in letters) / 20000 - 0.1) < 0.007
    assert abs(sum(n == 2 for n in count.values()) / 20000 - 0.1) < 0.007
    place = {c: n for n, c in enumerate(letters)}
    order = [place[c] for c in dict.fromkeys(found)]
    falls = sum(a > b for a, b in zip(order, order[1:], strict=False))
    assert 0.05 < falls / 20000 < 0.1  # of two neighbors that are exchanged one may be gone
    assert after(create("augmentations/text/misspell", rate=0.0), LINE, 0) == LINE


def test_what_makes_no_rate_and_what_takes_no_text_is_refused():
    with pytest.raises(UsageError, match=r"rate=1.5; allowed: 0 to 1"):
        create("augmentations/text/drop_words", rate=1.5)
    arch = create("text_classification/classifier", num_classes=2, encoder="fast")
    check_augmentations([create("augmentations/text/misspell")], arch)
    with pytest.raises(UsageError, match=r"works on images, and text_classification/classifier takes text; .* text/\*"):
        check_augmentations([create("augmentations/photometric/gamma")], arch)
    with pytest.raises(UsageError, match="works on texts, and classification/classifier takes image"):
        check_augmentations([create("augmentations/text/misspell")], create("classification/classifier"))
