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


def test_the_threshold_is_numpys_higher_quantile():
    """At (n + 1) (1 - a) / n; and the empirical one at ceil((n + 1) (1 - a)) / n (arXiv:2107.07511, section 1)."""
    scores = np.random.default_rng(1).random(200)
    for coverage in (0.5, 0.8, 0.9, 0.95, 0.99):
        own = np.quantile(scores, 201 * coverage / 200, method="higher")
        assert own == np.quantile(scores, np.ceil(round(201 * coverage, 6)) / 200, method="inverted_cdf")
        assert own < conformal.threshold(scores, coverage) <= own + conformal.SLACK


def drawn_labels(n=60, k=12):
    """(which of k labels each example has, [n, k], the first one always; their probabilities)."""
    rng = np.random.default_rng(0)
    has = (rng.random((n, k)) < 0.5).astype(int)
    has[:, 0] = 1
    return has, (0.5 * rng.random((n, k)) + 0.45 * has * rng.random((n, k))).round(3)


# MAPIE 1.6.0, MultiLabelClassificationController(risk="recall", method="crc") on drawn_labels(), thresholds 0 to 0.99,
# which a label has to exceed
MAPIES = {0.7: 0.32, 0.8: 0.25, 0.9: 0.15, 0.95: 0.1, 0.98: 0.04}


@pytest.mark.parametrize("recall", MAPIES)
def test_the_controlled_threshold_is_mapies(recall):
    has, probabilities = drawn_labels()
    levels = np.arange(0, 1, 0.01)[::-1]
    lost = ((probabilities[..., None] <= levels) & (has > 0)[..., None]).sum(1) / has.sum(1)[:, None]
    at = conformal.controlled(lost.mean(0), len(has), 1 - recall)
    assert levels[at] == pytest.approx(MAPIES[recall])


def test_both_sides_of_a_controlled_risk():
    """9 examples, a share of 0.2: (9 r + 1) / 10 <= 0.2 where r <= 1/9."""
    assert conformal.controlled([1.0, 0.5, 1 / 9 + 1e-6, 1 / 9, 0.0], 9, 0.2) == 3
    assert conformal.controlled([1.0, 0.5, 2 / 9 + 1e-6, 2 / 9, 0.0], 9, 0.2, worst=0.0) == 3
    assert conformal.controlled([0.0, 0.0], 9, 0.1) == 0  # of which as many are needed
    with pytest.raises(ValueError, match="the most cautious setting has a bound of 0.1111, above 0.1"):
        conformal.controlled([0.0, 0.0], 8, 0.1)
    with pytest.raises(ValueError, match="above 0.2"):
        conformal.controlled([0.5, 0.2], 9, 0.2)


@pytest.mark.parametrize("share", (0.1, 0.3))
def test_the_risk_that_is_controlled_over_many_draws(share):
    """Of losses [u < t], u even in 0..1, the mean at threshold t is t: no more than the share on average, and hardly
    less: by no more than a step and 1 / (n + 1).
    """
    rng, n, levels, found = np.random.default_rng(2), 39, np.linspace(1, 0, 401), []
    for _ in range(3000):
        risk = (rng.random(n)[:, None] < levels).mean(0)
        found.append(levels[conformal.controlled(risk, n, share)])
    # the mean of 3000 draws, each of a deviation of 0.08 or less
    assert share - 1 / 400 - 1 / 40 - 0.006 < np.mean(found) < share + 0.006


def test_levels_are_held_exactly_by_float16():
    for levels, last in ((conformal.PROBABILITIES, 1.0), (conformal.MARGINS, 16.0)):
        assert levels[0] == 0 and levels[-1] == last and (np.diff(levels) > 0).all()
        assert (np.float32(np.float16(levels)) == levels).all()
        assert (levels[2:] / levels[1:-1]).max() <= 1.008
