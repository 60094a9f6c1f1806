"""Batches of P classes by K pictures: by counting, and whatever step is asked for first."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.sources.base import Split

LABELS = np.repeat([0, 1, 2, 5], [20, 3, 1, 9])


def split(labels=LABELS):
    records = tf.data.Dataset.from_tensor_slices({"label": np.int32(labels)})
    return Split(records, lambda record: record, len(labels))


def order(pictures=4, batch_size=12, labels=LABELS, seed=7):
    return create("techniques/pk_batches", pictures=pictures).order(split(labels), batch_size, seed)


def test_each_batch_has_as_many_pictures_of_as_many_classes():
    numbers, drawn = order(), set()
    for step in range(40):
        batch = numbers(step)
        classes, counts = np.unique(LABELS[batch], return_counts=True)
        assert len(classes) == 3 and set(counts) == {4}
        for k in classes:
            members = np.flatnonzero(np.equal(LABELS, k))
            times = [(batch == member).sum() for member in members]
            assert np.ptp(times) <= 1, "a picture comes twice while another one has not come"
        drawn |= set(batch.tolist())
    assert drawn == set(range(len(LABELS)))


def test_a_batch_is_a_function_of_its_step():
    first, again = order(), order()
    expected = [first(step) for step in range(5)]
    for step in (3, 0, 4, 3):
        np.testing.assert_array_equal(again(step), expected[step])
    assert any((order(seed=8)(step) != expected[step]).any() for step in range(5))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"pictures": 1}, "pk_batches.pictures=1; allowed: 2 or more"),
        ({"batch_size": 10}, "pk_batches.pictures=4 does not divide batch_size=10; set batch_size to classes times"),
        ({"batch_size": 20}, "takes 5 classes, and the data has 4; set batch_size=16 or less, or more pictures"),
    ],
)
def test_what_makes_no_batch_is_one_line(options, says):
    assert order(batch_size=16)(0).shape == (16,)
    with pytest.raises(UsageError, match=says):
        order(**options)


def test_classes_of_one_picture_make_no_pairs():
    with pytest.raises(KerasVisionError, match="each of 6 classes has one picture"):
        order(labels=np.arange(6))
