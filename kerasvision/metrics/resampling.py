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

    def means():
        held = resampled_means(values, groups)
        if held.ndim == 2:  # a class that no drawn example has counts in none
            counts = (~np.isnan(held)).sum(1)
            held = np.nansum(held, 1)[counts > 0] / counts[counts > 0]
        return held

    return end_figures(name, means)


def end_figures(name, resampled):
    """{NAME_low, NAME_high: a function that gives it, or None}: the 95 % interval of a figure. Of NAME/CLASS they are
    NAME_low/CLASS and NAME_high/CLASS.

    resampled: a function that gives the figure of each resample, NaN where it is undefined: those count in none.
    """

    @functools.cache
    def ends():
        held = resampled()
        held = held[~np.isnan(held)]
        return [float(end) for end in np.percentile(held, [2.5, 97.5])] if len(held) else [None, None]

    name, slash, of = name.partition("/")
    return {f"{name}_low{slash}{of}": lambda: ends()[0], f"{name}_high{slash}{of}": lambda: ends()[1]}


def resampled_means(values, groups=()):
    """float [1000] or [1000, K]: means of as many groups of rows, drawn with replacement, of what is not NaN. The same
    draws for the same number of groups. values: [N] or [N, K]. groups: N of anything; (): each row is alone.
    """
    held = np.stack([np.nan_to_num(values), ~np.isnan(values)], 1)
    sums = resampled_sums(held, groups)
    with np.errstate(invalid="ignore"):
        return sums[:, 0] / sums[:, 1]


def resampled_sums(values, groups=()):
    """float [1000, ...]: sums of as many groups of rows, drawn as `resampled_means` draws them. values: [N, ...]."""
    held = np.asarray(values, float)
    if len(groups):
        held = _summed(held, numbered(groups))
    size, flat = len(held), held.reshape(len(held), -1)
    rng, rows = np.random.default_rng(0), max(1, 1_000_000 // size)  # at a time, so that memory stays small
    sums = []
    for start in range(0, RESAMPLES, rows):
        drawn = rng.integers(0, size, (min(rows, RESAMPLES - start), size))
        places = drawn + size * np.arange(len(drawn))[:, None]
        sums.append(np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape) @ flat)
    return np.concatenate(sums).reshape(RESAMPLES, *held.shape[1:])


def numbered(groups):
    """int [N]: the number of each example's group, counted from 0 in the order in which they come."""
    numbers = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)


def _summed(rows, which):
    sums = np.zeros((which.max() + 1, *rows.shape[1:]), rows.dtype)
    np.add.at(sums, which, rows)
    return sums
