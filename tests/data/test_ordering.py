"""Batches whose records a technique names: the same whole, in parts, on several replicas and after a restart."""

import collections
import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError, said
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.ordering import ordered
from kerasvision.data.partners import example_stream
from kerasvision.data.pipeline import training_data
from kerasvision.train import fit
from kerasvision.train.session import Session
from tests.train import tiny
from tests.train.scratch import Scratch

BATCH, EACH = 16, 4
FLIP = create("augmentations/geometric/horizontal_flip")
RECORDS = tf.data.Dataset.range(10).map(lambda i: {"i": i, "row": tf.range(i), "name": tf.strings.as_string(i)})
ARCH = tiny.classifier(num_classes=10)


@pytest.fixture(scope="module")
def split():
    return tiny.recipe().data.open().splits["train"]


def phase(*techniques):
    return Phase(1, tiny.sgd(), (FLIP,), techniques)


def batches(split, steps, **options):
    """[(images, classes)] of a stream of batches of `EACH` images a class."""
    given = {"batch_size": BATCH, "seed": 5} | options
    data = training_data(split, ARCH, phase(Scratch(each=EACH)), **given).take(steps)
    return [(x["image"], y["logits"].argmax(1)) for x, y in data.as_numpy_iterator()]


@pytest.fixture(scope="module")
def whole(split):
    return batches(split, 6)


def test_every_batch_has_some_images_of_each_of_some_classes(split, whole):
    for _, labels in whole:
        assert sorted(collections.Counter(labels.tolist()).values()) == [EACH] * (BATCH // EACH)
    assert len({tuple(sorted(set(labels.tolist()))) for _, labels in whole}) > 1
    shuffled = training_data(split, ARCH, phase(), batch_size=BATCH, seed=5).take(6)
    counts = [collections.Counter(y["logits"].argmax(1).tolist()) for _, y in shuffled.as_numpy_iterator()]
    assert not any(set(c.values()) == {EACH} for c in counts)


@pytest.mark.parametrize(("workers", "replicas"), [(1, 2), (2, 1), (2, 2), (4, 1)])
def test_workers_and_replicas_share_the_same_batches(split, whole, workers, replicas):
    """A worker has every workers-th example, its replicas take turns; from step 2 on, as after a restart."""
    steps, share = range(2, 6), BATCH // workers // replicas
    for worker in range(workers):
        options = {"shard": (worker, workers), "replicas": replicas, "start_step": 2 * replicas}
        seen = batches(split, len(steps) * replicas, batch_size=share, **options)
        for number, step in enumerate(steps):
            mine = seen[number * replicas : (number + 1) * replicas]
            for part in (0, 1):  # images, augmented as alone, and classes
                together = np.concatenate([m[part] for m in mine])
                np.testing.assert_array_equal(together, whole[step][part][worker::workers])


def test_train_gives_its_replicas_the_parts_of_a_batch(split):
    """What `train` makes for two replicas of one process, as a strategy would ask for it."""
    strategy = types.SimpleNamespace(num_replicas_in_sync=2, cluster_resolver=None)
    strategy.distribute_datasets_from_function = lambda make: make(None)
    recipe = tiny.recipe(techniques=(Scratch(each=EACH),))
    session = Session(recipe, ARCH, (), {"train": split}, strategy, pathlib.Path("nowhere"))
    data = fit._distributed(session, recipe.phases()[0], 1).take(6).as_numpy_iterator()
    labels = [y["logits"].argmax(1) for _, y in data]
    for pair in zip(labels[::2], labels[1::2], strict=True):
        assert [len(p) for p in pair] == [8, 8]
        assert sorted(collections.Counter(np.concatenate(pair).tolist()).values()) == [EACH] * 4


def test_records_of_any_size_are_found_by_number_and_partners_are_shuffled_as_ever():
    numbers = np.array([[3, 3, 9], [0, 7, 1], [5, 2, 8]])
    own = ordered(RECORDS, lambda step: numbers[step % 3], 3, start=4)
    data, members = example_stream(RECORDS, 2, 10, 4, 4, own)
    rows = list(data.map(lambda *e: [get() for get in members(e)]).take(8))
    assert [int(r[0]["i"]) for r in rows] == [*numbers.ravel()[4:], *numbers.ravel()[:3]]
    for record in (r for row in rows for r in row):
        np.testing.assert_array_equal(record["row"], range(int(record["i"])))
        assert record["name"].numpy().decode() == str(int(record["i"]))
    plain, members = example_stream(RECORDS, 2, 10, 4, 4)
    partners = [[int(get()["i"]) for get in members(e)[1:]] for e in plain.take(8)]
    assert partners == [[int(r["i"]) for r in row[1:]] for row in rows]


@pytest.mark.parametrize(
    ("numbers", "seen"),
    [
        ([0, 1], r"int64 of shape \(2,\)"),
        ([0.0, 1.0, 2.0], "float64"),
        ([0, 1, 10], "0 to 10"),
        ([-1, 1, 2], "-1 to 2"),
    ],
)
def test_an_order_that_names_no_records_is_one_line(numbers, seen):
    """At once, and where it goes wrong on the way out of TensorFlow's threads."""
    with pytest.raises(KerasVisionError, match=f"an order gives 3 integers, 0 to 9, .* gave {seen}.* for step 0"):
        ordered(RECORDS, lambda step: np.array(numbers), 3, 0)
    data, _ = ordered(RECORDS, lambda step: np.array(numbers if step else [7, 8, 9]), 3, 0)
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        list(data.take(4))
    assert said(raised.value).startswith("an order gives 3 integers") and said(raised.value).endswith("for step 1")


def test_two_orders_and_batches_that_do_not_fit_are_refused(split):
    with pytest.raises(KerasVisionError, match="techniques/scratch and techniques/scratch both decide which examples"):
        training_data(split, ARCH, phase(Scratch(each=4), Scratch(each=2)), batch_size=BATCH, seed=0)
    with pytest.raises(UsageError, match="each=5 does not divide batch_size=16"):
        training_data(split, ARCH, phase(Scratch(each=5)), batch_size=BATCH, seed=0)


def test_kept_samples_are_ordered_too(split, whole):
    seen = batches(split, 2, cache=True)
    for (images, labels), (expected, classes) in zip(seen, whole, strict=False):
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(labels, classes)
