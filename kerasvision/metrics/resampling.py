"""Intervals of means by the bootstrap, of examples or of whole groups of them.

Examples of one group (pictures of a sequence, of a person, slices of a case) are alike, and an interval that draws them
one by one is too narrow. So groups are drawn, each with all of its examples: the cluster bootstrap (Field and Welsh
2007, "Bootstrapping clustered data", Journal of the Royal Statistical Society B 69(3), 369-390, section 2.1).
"""

import functools

import numpy as np

RESAMPLES = 1000


def interval_figures(name, values, groups=()):
    """{NAME_low, NAME_high: a function that gives it}: the 95 % interval (percentiles) of a mean over examples [N], or
    of the mean over classes of such means, [N, K] with NaN. groups: of each of the N; (): each is alone.
    """

    @functools.cache
    def ends():
        means = resampled_means(values, groups)
        if means.ndim == 2:  # a class that no drawn example has counts in none
            counts = (~np.isnan(means)).sum(1)
            means = np.nansum(means, 1)[counts > 0] / counts[counts > 0]
        return np.percentile(means, [2.5, 97.5])

    return {f"{name}_low": lambda: float(ends()[0]), f"{name}_high": lambda: float(ends()[1])}


def resampled_means(values, groups=()):
    """float [1000] or [1000, K]: means of as many groups of rows, drawn with replacement, of what is not NaN. The same
    draws for the same shape. values: [N] or [N, K]. groups: N of anything; (): each row is alone.
    """
    known, held = (~np.isnan(values)).astype(np.int64), np.nan_to_num(values)
    if len(groups):
        which = numbered(groups)
        known, held = (_summed(part, which) for part in (known, held))
    rng, size = np.random.default_rng(0), len(held)
    rows = max(1, 1_000_000 // held.size)  # at a time, so that memory stays small
    starts = range(0, RESAMPLES, rows)
    draws = (rng.integers(0, size, (min(rows, RESAMPLES - start), size)) for start in starts)
    with np.errstate(invalid="ignore"):
        return np.concatenate([held[drawn].sum(1) / known[drawn].sum(1) for drawn in draws])


def numbered(groups):
    """int [N]: the number of each example's group, counted from 0 in the order in which they come."""
    numbers = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)


def _summed(rows, which):
    sums = np.zeros((which.max() + 1, *rows.shape[1:]), rows.dtype)
    np.add.at(sums, which, rows)
    return sums
