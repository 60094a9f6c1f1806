"""Abstention: bounds by hand, drawn risks, and how many examples a risk needs."""

import numpy as np
import pytest

from kerasvision.core.errors import UsageError
from kerasvision.ops import selective
from kerasvision.robustness.abstention import fitted


def drawn(n, seed):
    """(confidences, whether the answer is right, which it is with that chance)."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(6, 1, n)
    return scores, rng.uniform(size=n) < scores


def test_the_bound_by_hand():
    assert selective.bound(0, 59, 0.05) == pytest.approx(1 - 0.05 ** (1 / 59))  # nothing wrong: (1 - r)^n = doubt
    assert selective.bound(3, 3, 0.05) == 1.0 and selective.bound(0, 0, 0.05) == 1.0
    # one of ten wrong: (1 - r)^10 + 10 r (1 - r)^9 = doubt
    r = selective.bound(1, 10, 0.05)
    assert (1 - r) ** 10 + 10 * r * (1 - r) ** 9 == pytest.approx(0.05)


@pytest.mark.parametrize("risk", (0.5, 0.1, 0.02))
def test_the_fewest_examples(risk):
    least = selective.needed(risk)
    found, answered, bound = selective.threshold(np.ones(least), np.ones(least, bool), risk)
    assert found == 1.0 and answered == 1.0 and bound <= risk
    with pytest.raises(ValueError, match=f"no threshold of {least - 1} examples"):
        selective.threshold(np.ones(least - 1), np.ones(least - 1, bool), risk)


@pytest.mark.parametrize("risk", (0.05, 0.1))
def test_what_is_promised_holds_as_often_as_it_says(risk):
    grid = np.linspace(0, 1, 20001)
    density = grid**5
    too_much, shares = 0, []
    for seed in range(300):
        least, answered, _ = selective.threshold(*drawn(3000, seed), risk)
        held = density[grid >= least]
        too_much += (held * (1 - grid[grid >= least])).sum() / held.sum() > risk  # the risk itself, in closed form
        shares.append(answered)
    assert too_much / 300 <= 0.05 and np.mean(shares) > 0.2


def test_everything_is_answered_where_nothing_is_wrong():
    scores = np.linspace(0.2, 1, 2000)
    assert selective.threshold(scores, np.ones(2000, bool), 0.02)[:2] == (0.2, 1.0)


def test_both_sides_of_the_threshold():
    scores = np.repeat([0.9, 0.5], 500)
    held = fitted(scores, scores > 0.7, 0.02)
    assert held.threshold == 0.9 and held.answered == 0.5 and held.bound < 0.02
    surest, below = np.float32([0.9, 0.1]), np.float32([np.nextafter(np.float32(0.9), np.float32(0)), 0.1])
    assert not held.describe(surest)["abstains"] and held.in_words(surest) == ""
    assert held.describe(below)["abstains"] and held.in_words(below).startswith("abstains (below 0.900 more than 2 %")


def test_what_cannot_be_promised_is_one_line():
    least = selective.needed(0.02)
    with pytest.raises(UsageError, match=f"by 100 held-out examples, 0 of them wrong: {least} or more are needed"):
        fitted(np.ones(100), np.ones(100, bool), 0.02)
    with pytest.raises(UsageError, match="by 5000 held-out examples, 5000 of them wrong: it is wrong where it is sure"):
        fitted(np.linspace(0, 1, 5000), np.zeros(5000, bool), 0.02)


def test_the_area_under_risk_by_hand():
    """The surest first: risks 0, 0, 1/3, 1/2; the other way around 1, 1, 2/3, 1/2."""
    right = np.array([True, True, False, False])
    coverages, risks = selective.risk_coverage([0.9, 0.8, 0.7, 0.6], right)
    np.testing.assert_allclose(coverages, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(risks, [0, 0, 1 / 3, 1 / 2])
    assert selective.area_under_risk([0.9, 0.8, 0.7, 0.6], right) == pytest.approx(5 / 24)
    assert selective.area_under_risk([0.6, 0.7, 0.8, 0.9], right) == pytest.approx(19 / 24)
    assert selective.area_under_risk([0.5] * 4, right) == pytest.approx(0.5)  # a score that says nothing
    assert selective.area_under_risk([0.5, 0.5, 0.4, 0.4], right) == pytest.approx(5 / 24)
