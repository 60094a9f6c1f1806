"""Answering only where a score is high enough, so that of what is answered no more than a stated share is wrong.

"Selective Classification for Deep Neural Networks" (Geifman, El-Yaniv 2017, arXiv:1705.08500, algorithm 2): a search
over thresholds whose every step is tested by the exact binomial bound, with the chance to be wrong shared among the
steps. numpy.
"""

import math

import numpy as np
from scipy import stats


def bound(errors, answered, doubt):
    """The share of wrong answers that is exceeded with a chance of `doubt` or less, where `errors` of `answered` drawn
    ones were wrong (Clopper, Pearson 1934, doi:10.1093/biomet/26.4.404, one-sided).
    """
    return 1.0 if errors >= answered else float(stats.beta.ppf(1 - doubt, errors + 1, answered - errors))


def needed(risk, doubt=0.05):
    """The fewest examples that can support a risk of `risk`: so many, all of them answered rightly."""
    size = 2
    while (least := math.ceil(math.log(doubt / _steps(size)) / math.log(1 - risk))) > size:
        size = least
    return size


def threshold(scores, is_right, risk, doubt=0.05):
    """(the least score that is answered, the share of examples that has it, the bound on the share that is wrong).

    scores: [N]; is_right: bool [N], of held-out examples. With a chance of 1 - doubt, over the draws of these examples,
    no more than `risk` of what is answered is wrong. Raises ValueError where no threshold that was tried has that.
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    held, errors = np.asarray(scores)[order], np.cumsum(~np.asarray(is_right, bool)[order])
    low, high, best, steps = 0, len(held), None, _steps(len(held))  # of the surest: so many may be, no more can be
    for _ in range(steps):
        count = (low + high + 1) // 2 if best or high < len(held) else high  # everything is tried first
        last = int(np.searchsorted(-held, -held[count - 1], side="right"))  # with all that score alike
        own = bound(int(errors[last - 1]), last, doubt / steps)
        if own <= risk:
            low, best = last, (float(held[count - 1]), last / len(held), own)
        else:
            high = count - 1
        if low >= high:
            break
    if best is None:
        raise ValueError(f"no threshold of {len(held)} examples keeps the risk below {risk:g}")
    return best


def _steps(size):
    return max(1, math.ceil(math.log2(size)) + 1)


def risk_coverage(scores, is_right):
    """(coverages, risks), float64 [N]: where the surest k of N examples are answered, k / N of them are, and the share
    `risks` of these is wrong. Of examples with one score none comes first: each is as wrong as they are on average.
    """
    scores, wrong = np.asarray(scores, np.float64), 1.0 - np.asarray(is_right, np.float64)
    _, place, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    mean = np.bincount(place, wrong) / counts
    size = np.arange(1, len(scores) + 1)
    return size / len(scores), np.cumsum(np.repeat(mean, counts)) / size


def area_under_risk(scores, is_right):
    """AURC, the mean risk over all coverages, 0 at best: "Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers" (Geifman, Uziel, El-Yaniv 2019, arXiv:1805.08206, section 3).
    """
    return float(risk_coverage(scores, is_right)[1].mean())
