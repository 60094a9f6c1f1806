"""Planted label noise: how much, of which kind, and always the same."""

import numpy as np
import pytest

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create

DIGITS = create("sources/digits")


def labels(split):
    return np.array([int(s["label"]) for s in split.records.map(split.read).as_numpy_iterator()])


@pytest.fixture(scope="module")
def clean():
    return labels(DIGITS.open().splits["train"])


def noisy(**fields):
    return create("sources/noisy_labels", of=DIGITS, **fields)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.4, 1.0])
def test_the_rate_is_kept(clean, rate):
    seen = (labels(noisy(rate=rate).open().splits["train"]) != clean).mean()
    assert seen == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / len(clean)) + 1e-9)  # 4 standard errors


def test_symmetric_noise_goes_to_every_other_class(clean):
    moved = labels(noisy(rate=1.0).open().splits["train"])
    counts = np.bincount((moved - clean) % 10, minlength=10)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:] / len(clean), 1 / 9, atol=4 * np.sqrt(8 / 81 / len(clean)))


def test_pair_noise_goes_to_the_next_class(clean):
    moved = labels(noisy(rate=0.5, kind_of_noise="pair").open().splits["train"])
    assert set((moved - clean) % 10) == {0, 1}


def test_it_is_the_same_every_time_and_another_with_another_seed():
    first, again, other = (labels(noisy(seed=s).open().splits["train"]) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.3


def test_splits_that_judge_keep_their_labels_and_images_stay():
    opened, plain = noisy(rate=0.9).open(), DIGITS.open()
    assert opened.classes == plain.classes
    for name in ("validation", "test"):
        np.testing.assert_array_equal(labels(opened.splits[name]), labels(plain.splits[name]))
    a, b = (next(iter(o.splits["train"].records.map(o.splits["train"].read))) for o in (opened, plain))
    np.testing.assert_array_equal(a["image"], b["image"])
    assert opened.splits["train"].size == plain.splits["train"].size


def test_it_is_its_json_and_says_what_is_wrong():
    assert from_json(to_json(noisy(rate=0.3))) == noisy(rate=0.3)
    with pytest.raises(UsageError, match="noisy_labels.rate=1.5; allowed: 0 to 1"):
        noisy(rate=1.5)
