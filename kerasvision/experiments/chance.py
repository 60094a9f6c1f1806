"""What seeds explain of the changes that several recipes make against one baseline.

The best of eleven recipes that change nothing lies "beyond" an interval of 95 % of its own in a quarter of all studies.
So the p-values of Student's paired t are corrected by the steps of Holm 1979, "A Simple Sequentially Rejective Multiple
Test Procedure" (Scandinavian Journal of Statistics 6, 65-70): whatever depends on whatever (the recipes share their
baseline and their seeds), and however unequal their spreads are, at most 5 % of studies call any change that is none
one. Dunnett's test would need equal spreads.
"""

import dataclasses

import numpy as np
from scipy.special import stdtr, stdtrit

LEVEL = 0.05  # of all comparisons together
_FLAT = 1e-9  # a spread of that part of the changes is rounding


@dataclasses.dataclass(frozen=True)
class Judged:
    """Whether one change is more than chance. p: corrected p-value; interval: (low, high) of the mean change. Both None
    with fewer than two pairs, and where all pairs changed by the same, which leaves no spread to judge by; there p is 1
    where all changes are 0.
    """

    p: float | None = None
    interval: tuple[float, float] | None = None


def judged(changes):
    """[`Judged`] of a family of comparisons. changes: for each a list of differences, one for each pair of equal seeds.

    The intervals hold all at once with 95 % (Bonferroni). A change is beyond chance where p <= `LEVEL`. Holm's steps
    find a little more than the intervals do: where p is beyond chance and the interval still holds 0, it is cut at 0.
    """
    count = sum(len(c) > 1 for c in changes)
    known = {i: np.asarray(c, float) for i, c in enumerate(changes) if len(c) > 1}
    spread = {i: c for i, c in known.items() if c.std() > _FLAT * np.abs(c).max()}
    out = [Judged(1.0) if i in known and not known[i].any() else Judged() for i in range(len(changes))]
    if not spread:
        return out
    pairs = np.array([len(c) for c in spread.values()])
    mean = np.array([c.mean() for c in spread.values()])
    error = np.array([c.std(ddof=1) for c in spread.values()]) / np.sqrt(pairs)
    p = holm(2 * stdtr(pairs - 1, -np.abs(mean) / error), count)
    reach = -stdtrit(pairs - 1, LEVEL / 2 / count) * error
    low, high = mean - reach, mean + reach
    found = p <= LEVEL
    low = np.where(found & (mean > 0), np.maximum(low, 0.0), low)
    high = np.where(found & (mean < 0), np.minimum(high, 0.0), high)
    for place, i in enumerate(spread):
        out[i] = Judged(float(p[place]), (float(low[place]), float(high[place])))
    return out


def holm(p, count):
    """p-values [N] of `count` >= N comparisons -> corrected ones, float64 [N]: of the k-th smallest, (count - k + 1) p,
    at most 1 and no smaller than that of the one before. The comparisons without a p-value count as 1.
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, (count - np.arange(len(p))) * p[order])
    out = np.empty(len(p))
    out[order] = np.maximum.accumulate(steps)
    return out
