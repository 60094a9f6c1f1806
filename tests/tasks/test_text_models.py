"""A text from what people send to a vector: vocabularies, inverse document frequencies, and texts that are none."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError, said
from kerasvision.core.registry import create
from kerasvision.data.sources.base import Split
from kerasvision.ops import text
from kerasvision.tasks._wide import IDS, STEP, WEIGHTS, Wide
from tests.ops import tokenizer

TEXTS = ("a rose is not a tulip", "the rose smells", "a tulip, a tulip!", "no flower", "the FLOWER smells of rose")
NAME = "text_classification/classifier"


def split(texts):
    records = tf.data.Dataset.from_tensor_slices({"text": [t.encode() for t in texts]})
    return Split(records, dict, len(texts))


def test_the_vocabulary_is_the_most_frequent_words_of_training():
    """By hand: a 4, tulip 3, rose 3, the 2, smells 2, flower 2; all others once."""
    arch = create(NAME, length=64, words=16).for_data(split(TEXTS))
    assert set(arch.vocabulary) == {"a", "tulip", "rose", "the", "smells", "flower"}
    three = create(NAME, length=64, words=16, vocabulary_size=3).for_data(split(TEXTS))
    assert set(three.vocabulary) == {"a", "tulip", "rose"}
    every = create(NAME, length=64, words=16, min_count=1).for_data(split(TEXTS))
    assert set(every.vocabulary) == {w for t in TEXTS for w in tokenizer.words(t)}
    assert arch.for_data(split(["others others"])) == arch  # what is given stays
    with pytest.raises(KerasVisionError, match="no word that stands there 2 times; set model.min_count=1"):
        create(NAME, length=64, words=16).for_data(split(["each once"]))


def test_a_regressor_takes_words_and_numbers_from_the_data():
    """By hand: of 1, 2, 3, 4, 5 the mean is 3 and the deviation the root of 2."""
    records = {"text": [t.encode() for t in TEXTS], "targets": [[float(n)] for n in range(1, 6)]}
    data = Split(tf.data.Dataset.from_tensor_slices(records), dict, 5)
    arch = create("text_regression/regressor", length=64, words=16).for_classes(("score",)).for_data(data)
    assert len(arch.vocabulary) == 6 and arch.center == (3.0,) and arch.scale == pytest.approx((2**0.5,))


def test_a_graph_without_a_vocabulary_is_refused():
    with pytest.raises(KerasVisionError, match="has no vocabulary"):
        create(NAME, num_classes=2).build()
    assert create(NAME, num_classes=2, encoder="fast").resources() == {}
    with pytest.raises(UsageError, match="neither an encoder nor a wide part"):
        create(NAME, num_classes=2, encoder=None)
    with pytest.raises(UsageError, match="no more words than bytes"):
        create(NAME, length=4, words=8)


def test_the_wide_part_is_scikit_learn_s_tf_idf():
    """Of texts that repeat no word, since ours counts each occurrence by itself; to the step of a stored frequency."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["a rose is not red", "the rose smells", "a tulip too", "no flower", "the flower smells of rose"]
    reference = TfidfVectorizer(analyzer=tokenizer.words).fit_transform(texts).toarray()
    arch = create(NAME, encoder=None, wide=Wide(buckets=65521, pairs=False), length=64, words=16).for_data(split(texts))
    found = arch.wide.ids(
        arch.rules.words_of(arch.geometry({"text": tf.constant([t.encode() for t in texts])})[0]["text_bytes"])
    )
    dense = np.zeros((len(texts), 65523))
    for row, ids, weights in zip(dense, found[IDS].numpy(), found[WEIGHTS].numpy(), strict=True):
        np.add.at(row, ids, weights)
    np.testing.assert_allclose(dense[:, 65522], 1.0)  # what every text has
    assert not dense[:, 0].any()
    words = dense[:, 1:65522]
    np.testing.assert_allclose(words @ words.T, reference @ reference.T, atol=2 * STEP)
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1.0, atol=1e-6)


def test_frequencies_of_another_number_of_buckets_are_refused():
    counted = Wide(buckets=64).counted([text.cut(tf.constant([b"a b"]), 8)], create(NAME, length=8, words=4).rules)
    assert len(counted.held()) == 64
    with pytest.raises(UsageError, match="are those of 64 buckets, not of 65"):
        dataclasses.replace(counted, buckets=65)


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (b"", "a text is empty; give at least one character"),
        (b"x" * (text.MOST_BYTES + 1), "a text has more than 1048576 bytes"),
        (b"na\xefve", "a text is no UTF-8"),
    ],
    ids=["empty", "too long", "another coding"],
)
def test_what_is_no_text_is_one_line(sent, line):
    arch = create(NAME, num_classes=2, encoder="fast")
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.function(arch.geometry, autograph=False)({"text": tf.constant([b"a text", sent])})
    assert said(error.value).startswith(line)
    assert arch.geometry({"text": tf.constant([b"x" * text.MOST_BYTES])})[0]["text_bytes"].shape == (1, 256)
