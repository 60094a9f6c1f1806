"""Classes that training does not see, of a source with and without a test split."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create, sources
from kerasvision.data.pipeline import with_validation
from kerasvision.data.sampling import class_counts
from kerasvision.data.sources.base import Opened, Source, Split

NAMES = ("ant", "bee", "cat", "dog")


@sources.register("drawn_animals")
@dataclasses.dataclass(frozen=True)
class Animals(Source):
    """Numbers in place of pictures: 40 to train on, 12 to test by, of four classes in turn."""

    tested: bool = True

    def open(self):
        sizes = {"train": 40, "test": 12} if self.tested else {"train": 40}

        def split(size):
            return Split(tf.data.Dataset.range(size), lambda n: {"label": tf.cast(n % 4, tf.int32), "number": n}, size)

        return Opened(NAMES, {name: split(size) for name, size in sizes.items()})


def unseen(names, tested=True):
    return create("sources/unseen_classes", of=Animals(tested), names=names)


def counts(splits):
    return {name: class_counts(split, 4).tolist() for name, split in splits.items()}


def test_named_classes_are_in_the_test_split_alone():
    opened = unseen(("dog", "bee")).open()
    assert opened.classes == NAMES
    assert counts(opened.splits) == {"train": [10, 0, 10, 0], "test": [0, 3, 0, 3]}
    assert {name: split.size for name, split in opened.splits.items()} == {"train": 20, "test": 6}
    test = opened.splits["test"]
    assert [int(n) for n in test.records.map(lambda r: test.read(r)["number"])] == [1, 3, 5, 7, 9, 11]
    assert "withheld: 20 of 40 examples of train are of other classes" in opened.dropped


def test_without_a_test_split_the_named_classes_of_training_are_it():
    opened = unseen(("cat",), tested=False).open()
    assert counts(opened.splits) == {"train": [10, 10, 0, 10], "test": [0, 0, 10, 0]}
    held = counts(with_validation(opened, 0.2))
    assert held["validation"][2] == 0 and sum(held["validation"]) == 6
    np.testing.assert_array_equal(np.add(held["validation"], held["train"]), [10, 10, 0, 10])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), r"names=\(\) of 4 classes; allowed: one or more"),
        (("birds",), "no class 'birds'"),
        (NAMES[:3], "so that 2 or more are left to train on"),
    ],
)
def test_names_that_leave_nothing_are_refused(names, said):
    with pytest.raises(UsageError, match=said):
        unseen(names).open()


def test_two_classes_are_enough_to_train_on():
    assert counts(unseen(NAMES[:2]).open().splits)["train"] == [0, 0, 10, 10]
