"""Every registered source, over small data that `source_cases.py` draws: what it says of itself, and what it gives."""

import dataclasses
import functools
import hashlib

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.registry import sources
from kerasvision.data.partners import example_stream
from kerasvision.data.sources._detect import detect, detected
from kerasvision.data.splits import NAMES
from kerasvision.ops.dense import IGNORE
from tests.contract.source_cases import DRAWERS, Drawn

INPUTS = ("image", "image_bytes", "volume", "text", "audio", "exemplar")  # one of them is in every sample
BESIDE = {"spacing_mm", "rate", "path", "image_id", "numbers", "senses"}
REGISTERED = [name for name in sources.names() if name != "contract_case"]  # which gives what it is given
HEAVY = ("incomplete", "page_lines", "tfds")  # the first two trace decoders, the last imports and prepares: 8 s each
WITHOUT_LABELS = ("sources/pictures",)
SEED = 5


@dataclasses.dataclass(frozen=True)
class Held:
    """Drawn data, opened, and the samples of each split in order."""

    drawn: Drawn
    opened: object
    samples: dict


@functools.cache
def drawn(name, folder):
    assert name in DRAWERS, f"sources/{name} is registered; draw small data for it in tests/contract/source_cases.py"
    return DRAWERS[name](folder / name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sources")


@pytest.fixture(scope="module")
def held(folder, request):
    """The data of a source, each opened once."""
    every = []
    for one in drawn(request.param, folder):
        opened = one.source.open()
        every.append(Held(one, opened, {name: read(split) for name, split in opened.splits.items()}))
    return every


def places(folder):
    """{a path that a person may name: the source whose data it holds}."""
    found = [name for name in REGISTERED if sources[name].opens]
    return {place: name for name in found for one in drawn(name, folder) for place in one.places}


def read(split):
    """Samples; of a sample within one its picture."""
    rows = split.records.map(split.read).as_numpy_iterator()
    return [{k: v["image"] if isinstance(v, dict) else v for k, v in row.items()} for row in rows]


def flat(record):
    return dict(enumerate(tf.nest.flatten(record)))


def sum_of(record):
    held = [np.asarray(value) for value in tf.nest.flatten(record)]
    return hashlib.sha256(
        b"|".join(v.tobytes() if v.dtype != object else b"\0".join(v.ravel()) for v in held)
    ).hexdigest()


def each(function):
    marked = [pytest.param(n, marks=pytest.mark.nightly if n in HEAVY else ()) for n in REGISTERED]
    return pytest.mark.parametrize("held", marked, indirect=True)(function)


def assert_equal(left, right):
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert set(a) == set(b)
        for key in a:
            np.testing.assert_array_equal(a[key], b[key], key)


def test_every_registered_source_has_a_drawer_and_every_drawer_a_source():
    lacking = sorted(set(REGISTERED) - set(DRAWERS))
    assert not lacking, f"{lacking} are registered; draw small data for them in tests/contract/source_cases.py"
    assert not set(DRAWERS) - set(REGISTERED), "tests/contract/source_cases.py draws for what is not registered"


@each
def test_there_are_as_many_records_and_classes_as_were_drawn(held):
    for one in held:
        read = {name: len(samples) for name, samples in one.samples.items()}
        assert read == {name: split.size for name, split in one.opened.splits.items()}
        assert one.drawn.sizes == (read if "" not in one.drawn.sizes else {"": sum(read.values())})
        assert len(one.opened.classes) == one.drawn.classes


@each
def test_splits_stand_in_order_and_share_no_example(held):
    for one in held:
        assert list(one.opened.splits) == [name for name in NAMES if name in one.opened.splits]
        assert one.opened.splits["train"].size
        seen = [
            hashlib.sha256(next(np.asarray(sample[k]).tobytes() for k in ("whole", *INPUTS) if k in sample)).hexdigest()
            for samples in one.samples.values()
            for sample in samples
        ]
        assert len(set(seen)) == len(seen)


@each
def test_opened_again_it_gives_the_same(held):
    for one in held:
        again = one.drawn.source.open()
        assert (again.classes, again.dropped, list(again.splits)) == (
            one.opened.classes,
            one.opened.dropped,
            list(one.opened.splits),
        )
        for name, split in again.splits.items():
            before = one.opened.splits[name]
            assert (split.groups, split.strata) == (before.groups, before.strata)
            assert_equal(read(split), one.samples[name])


@each
def test_a_restart_amid_an_epoch_gives_the_same_rest(held):
    """Of the records; that a record is read the same way twice is seen above."""
    for one in held:
        split, again = (opened.splits["train"] for opened in (one.opened, one.drawn.source.open()))
        count, done = 2 * split.size, split.size // 2
        whole, rest = (example_stream(s.records, 0, min(s.size, s.shuffle_buffer), SEED)[0] for s in (split, again))
        whole = list(whole.take(count).as_numpy_iterator())
        rest = list(rest.skip(done).take(count - done).as_numpy_iterator())
        assert_equal(*(list(map(flat, rows)) for rows in (whole[done:], rest)))
        assert len({sum_of(record) for record in whole[: split.size]}) == split.size, "an epoch holds each record once"


@each
def test_labels_are_among_the_classes(held):
    for one in held:
        count = len(one.opened.classes)
        for sample in (s for samples in one.samples.values() for s in samples):
            for key in {"label", "labels"} & set(sample):
                assert np.asarray(sample[key]).dtype == np.int32
                assert ((sample[key] >= 0) & (sample[key] < count)).all()
            if "mask" in sample:
                assert ((sample["mask"] < count) | (sample["mask"] == IGNORE)).all()
            if "targets" in sample:
                assert sample["targets"].shape == (count,)


@each
def test_its_labels_are_the_keys_of_its_samples(held):
    found, said = set(), set()
    for one in held:
        keys = {key for samples in one.samples.values() for sample in samples for key in sample}
        assert keys & {*INPUTS}, "a sample without an input"
        assert keys - {*INPUTS} - BESIDE <= set(one.drawn.source.labels), "a key that `labels` does not state"
        found, said = found | keys, said | set(one.drawn.source.labels)
    assert said <= found, "`labels` states what no sample of the drawn data holds"
    assert bool(said) == (held[0].drawn.source.registered_name not in WITHOUT_LABELS)


@pytest.mark.parametrize("name", REGISTERED)
def test_it_detects_its_own_data_and_no_other_s(name, folder):
    """Each place is of one kind. A general source takes what no other does, so it may see others' data as its own."""
    every = places(folder)
    source = sources[name]
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in source.suffixes)
    assert bool(source.opens) == (name in every.values()), "`opens` says what a person may name, and DRAWERS draw it"
    for place, kind in every.items():
        if kind == name:
            assert detected(place) == [name], place
            assert detect(place) == source.from_text(str(place)) == source(path=str(place))
        elif place.is_dir() or place.name.endswith(source.suffixes):
            assert source.is_general or not source.detects(place), f"{name} takes {place} for its own"
