"""Intervals that draw whole groups, against the closed form of a mean over clusters."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.classification import SingleLabel
from kerasvision.metrics.resampling import RESAMPLES, interval_figures, resampled_means
from kerasvision.metrics.segmentation import Segmentation

RNG = np.random.default_rng(5)
GROUPS, EACH = 40, 6
VALUES = np.repeat(RNG.normal(0.7, 0.1, GROUPS), EACH) + RNG.normal(0, 0.02, GROUPS * EACH)
NAMES = [f"person {n}" for n in np.repeat(np.arange(GROUPS), EACH)]


def width(values, groups=()):
    ends = interval_figures("x", values, groups)
    return ends["x_high"]() - ends["x_low"]()


def test_the_spread_is_that_of_the_means_of_clusters():
    """Of clusters of equal size a resample's mean is a mean of G drawn cluster means: its deviation is theirs over the
    root of G (Field and Welsh 2007, section 2.1). 1,000 resamples know it to 1 / sqrt(2000) = 2.2 %; three of those.
    """
    means = VALUES.reshape(GROUPS, EACH).mean(1)
    seen = resampled_means(VALUES, NAMES)
    assert len(seen) == RESAMPLES
    assert seen.std() == pytest.approx(means.std() / np.sqrt(GROUPS), rel=0.067)
    assert seen.mean() == pytest.approx(VALUES.mean(), abs=3 * means.std() / np.sqrt(GROUPS * RESAMPLES))
    order = RNG.permutation(len(VALUES))  # groups need not lie side by side
    mixed = resampled_means(VALUES[order], [NAMES[i] for i in order])
    assert mixed.std() == pytest.approx(means.std() / np.sqrt(GROUPS), rel=0.067)


def test_examples_that_repeat_within_a_group_make_it_wider_than_they_pretend():
    """Copies tell nothing: with groups the interval is that of single examples, to the bit; without, it halves."""
    single = RNG.normal(size=60)
    four, names = np.repeat(single, 4), np.repeat(np.arange(60), 4)
    assert width(four, names) == pytest.approx(width(single), rel=1e-12)
    assert width(four) < 0.6 * width(four, names)
    assert width(VALUES) < 0.6 * width(VALUES, NAMES)


def test_groups_of_unequal_size_weigh_as_many_examples_as_they_have():
    """A resample's mean is a ratio of sums: of two groups, 1 of one example and 0 of three, it is 1, 1/4 or 0."""
    seen = resampled_means(np.array([1.0, 0, 0, 0]), ["a", "b", "b", "b"])
    values, counts = np.unique(seen, return_counts=True)
    np.testing.assert_allclose(values, [0, 0.25, 1])
    np.testing.assert_allclose(counts / RESAMPLES, [0.25, 0.5, 0.25], atol=4 * np.sqrt(0.25 / RESAMPLES))


def test_what_is_unknown_in_a_group_counts_in_none():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [5.0, 7.0]])
    seen = resampled_means(values, [0, 0, 1])
    assert set(np.round(seen[:, 0], 6)) == {2.0, 3.0, 5.0}
    assert set(seen[~np.isnan(seen[:, 1]), 1]) == {7.0} and np.isnan(seen[:, 1]).any()


def masks(count):
    return tuple(RNG.integers(0, 2, (count, 6, 6)).astype(np.uint8) for _ in range(2))


def test_a_segmenter_draws_the_groups_that_its_split_names():
    true, found = masks(20)
    true, found = np.repeat(true, 4, 0), np.repeat(found, 4, 0)
    widths = {}
    for groups in ((), tuple(np.repeat(np.arange(20), 4))):
        judge = Segmentation(("background", "a"), boundaries=True)
        judge.split_groups = groups
        judge.update({"mask": found}, {"mask": true})
        seen, half = judge.result(), judge.result(np.arange(0, 40))
        for name in ("case_dice", "boundary_f"):
            assert half[f"{name}_low"] <= half[name] <= half[f"{name}_high"]
            widths.setdefault(name, []).append(seen[f"{name}_high"] - seen[f"{name}_low"])
    for alone, together in widths.values():
        assert together > 1.6 * alone


class OfPersons(SingleLabel):
    """Reads the person out of the ground truth."""

    def __init__(self, classes):
        super().__init__(classes)
        self._persons = []

    @property
    def groups(self):
        return self._persons

    def update(self, prediction, ground_truth):
        super().update(prediction, ground_truth)
        self._persons += ground_truth["person"].tolist()


def test_an_evaluator_may_name_groups_itself():
    judge = OfPersons(tuple("ab"))
    judge.split_groups = (1, 2, 3)
    judge.update({"probabilities": np.eye(2)}, {"label": np.array([0, 1]), "person": np.array([b"p", b"q"])})
    judge.update({"probabilities": np.eye(2)}, {"label": np.array([0, 1]), "person": np.array([b"r", b"p"])})
    assert judge.units(4).tolist() == [0, 1, 2, 0] and judge.units(3).tolist() == [0, 1, 2]
    with pytest.raises(KerasVisionError, match="OfPersons: 5 examples, and groups of 4 of them"):
        judge.units(5)
