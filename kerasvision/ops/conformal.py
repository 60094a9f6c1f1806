"""Split conformal prediction: the threshold of a score above which no more than a promised share of new examples lies.

"Algorithmic Learning in a Random World" (Vovk, Gammerman, Shafer 2005, doi:10.1007/b106715); as it is done here, "A
Gentle Introduction to Conformal Prediction" (Angelopoulos, Bates 2021, arXiv:2107.07511, sections 1 and 3). It asks for
nothing but that new examples and those it is fitted on could have come in any order. numpy.
"""

import math

import numpy as np
from scipy import stats

SLACK = 1e-6  # of a score: what adding in another order does to a sum of float32
ROUNDING = 1e-12  # of a share: 1 - 0.9 is a little less than 0.1
# settings that are tried, rising: a float16 file holds each exactly, and neighbors are 0.8 % apart or less
PROBABILITIES = np.concatenate([[0.0], np.arange(0x0400, 0x3C01, 8, np.uint16).view(np.float16)]).astype(np.float32)
MARGINS = np.concatenate([[0.0], np.arange(0x1400, 0x4C01, 8, np.uint16).view(np.float16)]).astype(np.float32)


def needed(coverage):
    """The fewest examples that can support a promise of `coverage`, above 0 and below 1."""
    return math.ceil(round(coverage / (1 - coverage), 6))


def rank(examples, coverage):
    """Which of the scores of `examples` examples, from the least and from 1, is the threshold; more than there are
    where they are too few.
    """
    return math.ceil(round((examples + 1) * coverage, 6))


def threshold(scores, coverage):
    """The number that the score of a new example does not exceed with a chance of `coverage` or more.

    scores: [N], of examples that nothing was chosen by. It lies above the score of its rank by no more than `SLACK`,
    and below the next one, so that rounding moves no example across it. Raises ValueError where N is less than
    `needed`.
    """
    held = np.sort(np.asarray(scores, np.float64))
    place = rank(len(held), coverage)
    if place > len(held):
        raise ValueError(f"{len(held)} examples support no promise of {coverage:g}; {needed(coverage)} do")
    own = held[place - 1]
    above = held[held > own]
    gap = (above[0] - own) / 2 if len(above) else SLACK
    return float(own + min(gap, SLACK))


def spread(examples, coverage, confidence=0.95):
    """(low, high): between which the share of all new examples that the promise holds for lies, over the draws of the
    examples it was fitted on, without ties: the beta distribution of section 3.2 of the introduction.
    """
    place, tail = rank(examples, coverage), (1 - confidence) / 2
    held = stats.beta(place, examples + 1 - place)
    return float(held.ppf(tail)), float(held.ppf(1 - tail))


def controlled(risk, examples, share, worst=1.0):
    """The first of some settings, each more cautious than the one before, at which a risk is no larger than a share:
    conformal risk control, "Conformal Risk Control" (Angelopoulos et al. 2022, arXiv:2208.02814, equation 4).

    risk: [L], the mean loss of `examples` examples at each setting, which never rises, of losses of 0 to `worst`. Of a
    new example, which could have come in any order with them, the loss at the setting is `share` or less on average.
    worst: 0 gives the setting that the examples alone ask for, as the first of two steps needs it (arXiv:2505.24038).
    Returns its index; raises ValueError where even the last one is not cautious enough.
    """
    bound = (examples * np.asarray(risk, np.float64) + worst) / (examples + 1)
    kept = bound <= share + ROUNDING
    if not kept[-1]:
        raise ValueError(f"the most cautious setting has a bound of {bound[-1]:.4f}, above {share:g}")
    return int(np.flatnonzero(~kept)[-1]) + 1 if not kept.all() else 0
