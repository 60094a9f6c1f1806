"""Holm's correction against its closed form and scipy, and 1,000 simulated studies of recipes that change nothing."""

import numpy as np
import pytest
from scipy import stats

from kerasvision.experiments import compare
from kerasvision.experiments.chance import LEVEL, holm, judged

STUDIES = 1000


def test_holm_is_its_closed_form():
    """The example of Holm 1979 with four p-values: (4 * 0.01, 3 * 0.015, 2 * 0.04, 1 * 0.03 after 0.04)."""
    assert holm([0.01, 0.04, 0.03, 0.015], 4) == pytest.approx([0.04, 0.06, 0.06, 0.045])
    assert holm([0.4, 0.001], 2) == pytest.approx([0.4, 0.002])
    assert holm([0.6, 0.9], 2).tolist() == [1.0, 1.0]
    assert holm([0.02], 3) == pytest.approx([0.06])  # two others have no p


def test_one_comparison_is_scipy_s_paired_t():
    changes = [0.05, 0.04, 0.06, 0.01]
    (seen,) = judged([changes])
    known = stats.ttest_1samp(changes, 0.0)
    interval = known.confidence_interval(0.95)
    assert seen.p == pytest.approx(known.pvalue) and seen.interval == pytest.approx((interval.low, interval.high))


def test_several_are_corrected_and_their_intervals_fit():
    rng = np.random.default_rng(0)
    changes = [rng.normal(mean, 1.0, 5) for mean in (0.0, 3.0, 6.0)]
    known = [stats.ttest_1samp(c, 0.0) for c in changes]
    seen = judged(changes)
    rank = np.argsort([k.pvalue for k in known])
    steps = np.maximum.accumulate([(3 - i) * known[k].pvalue for i, k in enumerate(rank)])
    assert [seen[k].p for k in rank] == pytest.approx(np.minimum(1, steps))
    for own, k in zip(seen, known, strict=True):
        wide = k.confidence_interval(1 - LEVEL / 3)  # Bonferroni
        assert own.interval == pytest.approx((wide.low, wide.high)) or 0.0 in own.interval
        assert (own.p <= LEVEL) == (own.interval[0] >= 0 or own.interval[1] <= 0)


def test_an_interval_that_only_holm_parts_from_0_ends_there():
    """Two comparisons: the first is far from 0; the second has p between 0.025 and 0.05, from either side."""
    for sign in (1, -1):
        second = sign * np.array([1.0, 2.0, 3.0, 5.0, 1.0])
        p = stats.ttest_1samp(second, 0.0).pvalue
        assert 0.025 < p < 0.05
        seen = judged([np.array([9.0, 9.1, 9.2, 9.0, 9.3]), second])[1]
        assert seen.p == pytest.approx(p) and 0.0 in seen.interval
        alone = judged([np.array([0.1, -0.1, 0.2, -0.1, 0.0]), second])[1]
        assert alone.p == pytest.approx(2 * p) and alone.p > LEVEL and alone.interval[0] < 0 < alone.interval[1]


@pytest.mark.parametrize("changes", [[0.1, 0.1, 0.1], [0.85 - 0.80, 0.25 - 0.20, 0.95 - 0.9]])
def test_changes_that_are_all_alike_leave_nothing_to_judge_by(changes):
    (seen,) = judged([changes])
    assert seen.p is None and seen.interval is None
    assert judged([[0.0, 0.0, 0.0]])[0].p == 1.0
    assert judged([[0.3], []]) == [judged([[0.3]])[0]] * 2 and judged([[0.3]])[0].p is None


def simulated(rng, recipes, seeds):
    """Changes [recipes, seeds] of recipes that change nothing: seeds move all alike, the baseline is everybody's."""
    values = rng.normal(0, 1, (recipes + 1, seeds)) + 3 * rng.normal(0, 1, seeds)
    return values[1:] - values[0]


@pytest.mark.parametrize("recipes", [2, 5, 11])
@pytest.mark.parametrize("seeds", [3, 5])
def test_recipes_that_change_nothing_are_seldom_called_beyond_chance(recipes, seeds):
    """Of 1,000 studies at most 5 % call any of them so, as far as a binomial number can tell (0.1 %)."""
    rng = np.random.default_rng(recipes * 10 + seeds)
    wrong, studies = 0, []
    for _ in range(STUDIES):
        changes = simulated(rng, recipes, seeds)
        wrong += min(j.p for j in judged(changes)) <= LEVEL
        studies.append(changes)
    most = stats.binom.ppf(0.999, STUDIES, LEVEL)
    alone = stats.ttest_1samp(np.array(studies), 0.0, axis=2).pvalue.min(1) <= LEVEL
    assert wrong <= most < alone.sum()  # the simulation would see it


def runs_of(values, metric="test/accuracy", directions=None):
    """[`Run`] of values [recipes, seeds]; the first recipe is called base."""
    names = ["base", *(f"r{i}" for i in range(1, len(values)))]
    return [
        compare.Run(name, seed, None, {metric: float(v)}, directions or {"accuracy": "max"})
        for name, row in zip(names, values, strict=True)
        for seed, v in enumerate(row)
    ]


def test_the_best_of_eleven_in_the_report_s_own_words():
    """The same through `compared` and `conclusion`, of the recipe that a study names: the best by its mean."""
    rng, wrong, studies = np.random.default_rng(7), 0, 300
    for _ in range(studies):
        said = compare.conclusion(compare.compared(runs_of(rng.normal(0, 1, (12, 3)) + rng.normal(0, 3, 3))))
        wrong += "not beyond" not in said
        assert "Holm's correction for 11 comparisons" in said
    assert wrong <= stats.binom.ppf(0.999, studies, LEVEL)


def test_a_large_effect_among_eleven_is_found():
    """10 standard deviations of a difference: with 5 seeds Student's t of 4 degrees, corrected for 11, finds it."""
    rng, found, studies = np.random.default_rng(3), 0, 100
    for _ in range(studies):
        values = 0.7 + 0.01 * rng.normal(0, 1, (12, 5)) + 0.02 * rng.normal(0, 1, 5)
        values[4] += 0.1 * np.sqrt(2)
        rows = compare.compared(runs_of(values))
        found += rows[4].beyond and "r4 is the best of 11" in compare.conclusion(rows)
    assert found >= 95
