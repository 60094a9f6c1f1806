"""The digits source against scikit-learn's own arrays."""

import collections

import numpy as np
import pytest

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources


def samples(split):
    return list(split.records.map(split.read).as_numpy_iterator())


def test_splits_hold_every_digit_once_with_its_label():
    bunch = pytest.importorskip("sklearn.datasets").load_digits()
    opened = sources["digits"]().open()
    assert opened.classes == tuple("0123456789")
    held = [s for split in opened.splits.values() for s in samples(split)]
    assert len(held) == 1797
    want = collections.Counter(
        (i.astype(int).tobytes(), int(t)) for i, t in zip(bunch.images, bunch.target, strict=True)
    )
    # 16 levels to 255: the inverse of the scaling gives scikit-learn's values back
    back = [(np.round(s["image"][..., 0] * (16 / 255)).astype(int), s) for s in held]
    assert collections.Counter((i.tobytes(), int(s["label"])) for i, s in back) == want
    for s in held[:50]:
        assert s["image"].dtype == np.uint8
        assert s["image"].shape == (8, 8, 3)
        assert (s["image"] == s["image"][..., :1]).all()
        assert s["label"].dtype == np.int32


def test_shares_are_70_10_20_in_every_class():
    opened = sources["digits"]().open()
    for name, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        count = collections.Counter(int(s["label"]) for s in samples(opened.splits[name]))
        assert opened.splits[name].size == sum(count.values())
        assert all(abs(count[d] - share * 180) <= 6 for d in range(10))


def test_the_seed_decides():
    def labels(seed):
        return [int(s["label"]) for s in samples(sources["digits"](seed=seed).open().splits["test"])]

    assert labels(0) == labels(0)
    assert labels(0) != labels(1)


def test_recipe_json_round_trip():
    source = sources["digits"](seed=4)
    assert from_json(to_json(source)) == source


def test_no_validation_on_request_and_bad_fractions():
    assert set(sources["digits"](validation_fraction=0.0).open().splits) == {"train", "test"}
    with pytest.raises(UsageError, match="together below 1"):
        sources["digits"](validation_fraction=0.6, test_fraction=0.5).open()
