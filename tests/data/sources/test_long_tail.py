"""A long tail: the exponential profile, on the training split alone."""

import numpy as np
import pytest

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.sampling import labels_of


def opened(**fields):
    return create("sources/long_tail", of=create("sources/digits"), **fields).open()


def test_classes_fall_exponentially_and_what_judges_stays():
    whole = create("sources/digits").open()
    held = opened(ratio=20.0)
    before, after = (np.bincount(labels_of(o.splits["train"]), minlength=10) for o in (whole, held))
    expected = np.minimum(before, np.rint(before.max() * 20.0 ** (-np.arange(10) / 9)))
    np.testing.assert_array_equal(after, expected)
    assert held.splits["train"].size == after.sum() and before.max() / after[9] == pytest.approx(20, rel=0.1)
    for name in ("validation", "test"):
        assert held.splits[name] is not None and held.splits[name].size == whole.splits[name].size


def test_the_seed_decides_what_stays():
    def images(seed):
        split = opened(ratio=50.0, seed=seed).splits["train"]
        return [s["image"].tobytes() for s in split.records.map(split.read).as_numpy_iterator()]

    assert images(0) == images(0) and images(0) != images(1)


def test_bad_fields_and_data_are_one_line():
    with pytest.raises(UsageError, match="long_tail.ratio=0.5; allowed: 1 or more"):
        create("sources/long_tail", of=create("sources/digits"), ratio=0.5)
    source = create("sources/long_tail", of=create("sources/digits"))
    assert from_json(to_json(source)) == source
