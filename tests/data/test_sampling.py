"""Counting classes, and exact rates: every pass holds what was asked for, whatever the seed, shard or restart."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data import sampling
from kerasvision.data.pipeline import training_data, with_validation
from kerasvision.data.sources.base import Split

COUNTS = (40, 13, 7, 1)
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(4), COUNTS)).astype(np.int32)
ARCH = create("classification/classifier", num_classes=4, image_size=(8, 8))


def unequal(labels=LABELS):
    """A split whose images are their own numbers, 61 of them."""
    numbers = np.arange(len(labels), dtype=np.uint8)
    images = np.broadcast_to(numbers[:, None, None, None], (len(labels), 8, 8, 3))
    records = tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})
    return Split(records, lambda record: record, len(labels))


def passed(split):
    """(numbers, labels) of one pass over the records."""
    rows = list(split.records.as_numpy_iterator())
    assert len(rows) == split.size
    return np.array([r["image"][0, 0, 0] for r in rows]), np.array([r["label"] for r in rows])


def streamed(split, steps, **options):
    """Numbers of the images in the order of training, batches of 8."""
    options = {"batch_size": 8, "seed": 3} | options
    data = training_data(split, ARCH, Phase(1, create("optimizers/sgd")), **options).take(steps)
    return np.concatenate([np.round(x["image"][:, 0, 0, 0] * 127.5 + 127.5) for x, _ in data.as_numpy_iterator()])


def test_classes_are_counted_without_a_file_being_read():
    records = tf.data.Dataset.from_tensor_slices({"path": ["no", "such", "file"], "label": np.int32([2, 0, 2])})

    def read(record):
        return {"image_bytes": tf.io.read_file(record["path"]), "label": record["label"]}

    assert sampling.class_counts(Split(records, read, 3), 4).tolist() == [1, 0, 2, 0]


def test_each_of_several_labels_counts_once():
    labels = tf.ragged.constant([[0, 2, 2], [], [2]], dtype=tf.int32)
    split = Split(tf.data.Dataset.from_tensor_slices({"labels": labels}), lambda r: {"labels": r["labels"]}, 3)
    assert sampling.class_counts(split, 3).tolist() == [1, 0, 2]
    with pytest.raises(UsageError, match="oversample: needs one class an example"):
        sampling.oversampled(split, 1.0, 0, "oversample")


def test_what_has_no_label_cannot_be_counted():
    split = Split(tf.data.Dataset.range(3), lambda i: {"mask": tf.zeros([2, 2], tf.uint8)}, 3)
    with pytest.raises(UsageError, match="a sample of this data has mask, no label"):
        sampling.class_counts(split, 2)


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1.0, (40, 40, 40, 40)), (3.0, (40, 14, 14, 14)), (40.0, COUNTS), (1000.0, COUNTS)]
)
def test_oversampling_is_exact_and_even(ratio, expected):
    numbers, labels = passed(sampling.oversampled(unequal(), ratio, 5, ""))
    assert np.bincount(labels).tolist() == list(expected)
    times = np.bincount(numbers, minlength=len(LABELS))
    for k in range(4):
        held = times[k == LABELS]
        assert held.min() >= 1 and held.max() - held.min() <= 1
    assert (LABELS[numbers] == labels).all()


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, (1, 1, 1, 1)), (7.5, (7, 7, 7, 1)), (100.0, COUNTS)])
def test_undersampling_is_exact_and_repeats_nothing(ratio, expected):
    numbers, labels = passed(sampling.undersampled(unequal(), ratio, 5, ""))
    assert np.bincount(labels).tolist() == list(expected)
    assert len(set(numbers)) == len(numbers)


def test_a_class_without_examples_stays_empty():
    labels = np.where(LABELS == 2, 0, LABELS).astype(np.int32)
    assert np.bincount(passed(sampling.oversampled(unequal(labels), 1.0, 0, ""))[1]).tolist() == [47, 47, 0, 47]
    assert np.bincount(passed(sampling.undersampled(unequal(labels), 2.0, 0, ""))[1]).tolist() == [2, 2, 0, 1]


@pytest.mark.parametrize("change", [sampling.oversampled, sampling.undersampled])
def test_the_seed_decides_who_comes_more_often(change):
    first, again, other = (passed(change(unequal(), 4.0, seed, ""))[0].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_epoch_of_training_has_the_exact_counts_in_another_order():
    split = sampling.oversampled(unequal(), 1.0, 0, "")  # 160: 20 steps of 8
    numbers = streamed(split, 40).astype(int)
    first, second = numbers[:160], numbers[160:]
    for held in (first, second):
        assert np.bincount(LABELS[held]).tolist() == [40] * 4
    np.testing.assert_array_equal(np.sort(first), np.sort(second))
    assert (first != second).any()


def test_restarts_shards_and_cache_see_the_same_stream():
    split = sampling.oversampled(unequal(), 2.0, 0, "")
    whole = streamed(split, 30)
    np.testing.assert_array_equal(streamed(split, 10, start_step=20), whole[160:])
    np.testing.assert_array_equal(streamed(split, 30, cache=True), whole)
    halves = [streamed(split, 30, batch_size=4, shard=(worker, 2)) for worker in (0, 1)]
    np.testing.assert_array_equal(np.stack(halves, 1).ravel(), whole)


def test_records_of_any_length_are_repeated():
    runs = tf.ragged.constant([[1], [2, 2], [], [3, 3, 3]], dtype=tf.int32)
    records = tf.data.Dataset.from_tensor_slices({"runs": runs, "label": np.int32([0, 0, 0, 1])})
    split = sampling.oversampled(Split(records, lambda r: {"label": r["label"]}, 4), 1.0, 0, "")
    assert [r["runs"].tolist() for r in split.records.as_numpy_iterator()] == [[1], [2, 2], [], *[[3, 3, 3]] * 3]


def test_classes_have_names_in_messages():
    opened = create("sources/digits").open()
    split = with_validation(opened, 0.1)["train"]
    assert sampling.class_name(split, 3) == "'3'"
    assert sampling.class_name(dataclasses.replace(split, classes=()), 3) == "number 3"


def test_bags_are_drawn_with_replacement_and_a_function_of_the_seed():
    bag, again, other = (passed(sampling.bagged(unequal(), False, seed, "bag"))[0] for seed in (1, 1, 2))
    assert len(bag) == 61 and len(set(bag)) < 55
    assert np.array_equal(bag, again) and not np.array_equal(bag, other)


def test_balanced_bags_hold_as_many_of_each_class():
    labels = LABELS[LABELS < 3]
    numbers, held = passed(sampling.bagged(unequal(labels), True, 0, "bag"))
    assert np.bincount(held).tolist() == [7, 7, 7]
    often = np.bincount(numbers, minlength=len(labels))[labels == 2]
    assert often.max() > 1 and often.min() == 0  # the rarest class is drawn with replacement too
