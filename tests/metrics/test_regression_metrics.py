"""The evaluator of numbers against scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from kerasvision.metrics.regression import Numbers

RNG = np.random.default_rng(0)
T = RNG.normal(size=(40, 2)) * (1.0, 30.0)
Y = T + RNG.normal(size=(40, 2)) * (0.5, 5.0)
NAMES = ("width", "height")


def evaluated(**more):
    """Two batches through the evaluator."""
    evaluator = Numbers(NAMES, (0.1, 0.5, 0.9))
    for rows in (slice(0, 25), slice(25, 40)):
        evaluator.update({k: v[rows] for k, v in {"values": Y, **more}.items()}, {"targets": T[rows]})
    return evaluator


@pytest.mark.parametrize("examples", [None, np.arange(5, 33)])
def test_errors_are_scikit_learn_s(examples):
    seen, rows = evaluated().result(examples), slice(None) if examples is None else examples
    t, y = T[rows], Y[rows]
    assert seen["r2"] == pytest.approx(sk.r2_score(t, y))
    assert seen["mae"] == pytest.approx(sk.mean_absolute_error(t, y))
    assert seen["rmse"] == pytest.approx(np.sqrt(sk.mean_squared_error(t, y)))
    for i, name in enumerate(NAMES):
        assert seen[f"r2/{name}"] == pytest.approx(sk.r2_score(t[:, i], y[:, i]))
        assert seen[f"mae/{name}"] == pytest.approx(sk.mean_absolute_error(t[:, i], y[:, i]))
        assert seen[f"rmse/{name}"] == pytest.approx(sk.root_mean_squared_error(t[:, i], y[:, i]))
    assert "pinball" not in seen and "coverage_95" not in seen


def test_intervals():
    quantiles = np.stack([Y - (1, 4), Y, Y + (1, 9)], -1)
    seen = evaluated(quantiles=quantiles, deviation=np.tile([0.5, 5.0], (40, 1))).result()
    expected = [sk.mean_pinball_loss(T, quantiles[..., i], alpha=a) for i, a in enumerate((0.1, 0.5, 0.9))]
    assert seen["pinball"] == pytest.approx(np.mean(expected))
    assert seen["coverage"] == pytest.approx(((quantiles[..., 0] <= T) & (quantiles[..., 2] >= T)).mean())
    assert seen["coverage_95"] == pytest.approx((np.abs(Y - T) <= 1.959964 * np.array([0.5, 5.0])).mean())


def test_the_interval_of_a_deviation_is_the_normal_distribution_s():
    """Errors a ten-thousandth of a deviation to either side of what scipy's normal distribution has at 97.5 %."""
    edge = stats.norm.ppf(0.975)
    error = np.array([[edge - 1e-4], [edge + 1e-4], [1e-4 - edge], [-1e-4 - edge], [0.0], [2.0], [-2.0], [3.0]])
    for deviation in (1.0, 0.01, 250.0):
        held = Numbers(("one",))
        ground_truth = np.full_like(error, 7.0)
        held.update(
            {"values": ground_truth + deviation * error, "deviation": np.full_like(error, deviation)},
            {"targets": ground_truth},
        )
        assert held.result()["coverage_95"] == 3 / 8


def test_a_truth_that_does_not_vary():
    for wrong, r2 in ((0.0, 1.0), (0.1, 0.0)):
        evaluator = Numbers(("one",))
        evaluator.update({"values": np.full((4, 1), 3.0 + wrong)}, {"targets": np.full((4, 1), 3.0)})
        assert evaluator.result()["r2"] == r2
