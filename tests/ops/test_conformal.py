"""Conformal thresholds: ranks by hand, coverage over many draws, and what too few examples can support."""

import numpy as np
import pytest

from kerasvision.ops import conformal


@pytest.mark.parametrize("coverage, least", [(0.5, 1), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)])
def test_the_fewest_examples(coverage, least):
    assert conformal.needed(coverage) == least
    assert conformal.rank(least, coverage) <= least < conformal.needed(coverage) + 1
    assert conformal.rank(least - 1, coverage) > least - 1
    with pytest.raises(ValueError, match=f"{least - 1} examples support no promise of {coverage:g}; {least} do"):
        conformal.threshold(np.arange(least - 1), coverage)
    assert conformal.threshold(np.arange(least), coverage) >= conformal.rank(least, coverage) - 1


def test_the_rank_by_hand():
    scores = [0.3, 0.1, 0.4, 0.2, 0.9, 0.8, 0.7, 0.6, 0.5]  # nine: ceil(10 c)
    for coverage, own in ((0.1, 0.1), (0.2, 0.2), (0.55, 0.6), (0.9, 0.9)):
        found = conformal.threshold(scores, coverage)
        assert own < found <= own + conformal.SLACK  # on both sides of the example that it stands for


def test_it_stays_below_the_next_score():
    close = [0.5, 0.5 + 4e-7, 0.9]
    assert close[0] < conformal.threshold(close, 0.25) < close[1]
    assert conformal.threshold([0.5, 0.5, 0.5], 0.5) == 0.5 + conformal.SLACK


@pytest.mark.parametrize("coverage", (0.8, 0.9))
def test_the_share_that_is_covered_over_many_draws(coverage):
    rng, n = np.random.default_rng(0), 49
    found = np.array([conformal.threshold(rng.uniform(size=n), coverage) for _ in range(4000)])
    # of uniform scores the share below a threshold is the threshold: on average rank / (n + 1)
    assert abs(found.mean() - conformal.rank(n, coverage) / (n + 1)) < 0.003
    low, high = conformal.spread(n, coverage)
    assert abs(((found > low) & (found < high)).mean() - 0.95) < 0.015
