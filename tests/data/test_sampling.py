"""How often examples come: exact counts, nothing else drawn than the seed says."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import sampling
from kerasvision.data.sources.base import Split

LABELS = np.array([0] * 20 + [1] * 7 + [2] * 3)


def split_of(labels):
    records = tf.data.Dataset.from_tensor_slices((np.arange(len(labels)), labels.astype(np.int32)))
    return Split(records, lambda number, label: {"number": number, "label": label}, len(labels))


def numbers(split):
    return [int(n) for n, _ in split.records.as_numpy_iterator()]


def test_labels_are_read_in_order():
    np.testing.assert_array_equal(sampling.labels_of(split_of(LABELS)), LABELS)
    np.testing.assert_array_equal(sampling.class_counts(LABELS, 3), [20, 7, 3])
    with pytest.raises(KerasVisionError, match=r"no example in the training split has class 3, 4 \(of 0 to 4\)"):
        sampling.class_counts(LABELS, 5)


@pytest.mark.parametrize("wanted", [(20, 20, 20), (20, 7, 10), (3, 3, 3), (1, 0, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_counts_are_exact_and_repetitions_even(wanted, seed):
    repeats = sampling.even_repeats(LABELS, wanted, seed)
    for label, count in enumerate(wanted):
        held = repeats[label == LABELS]
        assert held.sum() == count and np.ptp(held) <= 1
    split = sampling.repeated(split_of(LABELS), repeats)
    found = collections.Counter(numbers(split))
    assert split.size == sum(wanted) and found == {i: n for i, n in enumerate(repeats) if n}
    assert numbers(split) == sorted(numbers(split)), "the order of the records is kept"


def test_the_seed_decides_which():
    drawn = {tuple(sampling.even_repeats(LABELS, (3, 3, 3), seed)) for seed in (0, 0, 1, 2)}
    assert len(drawn) == 3
