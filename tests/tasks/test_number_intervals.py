"""Intervals of numbers: MAPIE's, and coverage of drawn errors."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.drawing.showing.values import ValuesShowing
from kerasvision.metrics.regression import Numbers
from kerasvision.tasks.number_intervals import NumberInterval
from kerasvision.tasks.regression.regressor import Regressor

ONE = np.ones(1, np.float32)


def drawn(n, seed):
    """(prediction with a value and two quantiles, targets [n, 1])."""
    rng = np.random.default_rng(seed)
    middle, half = rng.normal(0, 2, n).round(3), rng.uniform(0.2, 1.5, n).round(3)
    targets = (middle + rng.normal(0, 1, n) * half).round(3)
    values = np.float32(middle)[:, None]
    quantiles = np.float32(np.stack([middle - half, middle, middle + half], -1))[:, None]
    return {"values": values, "quantiles": quantiles}, targets[:, None]


# MAPIE 1.6.0 on drawn(40, 0), asked about drawn(6, 1): ConformalizedQuantileRegressor with symmetric_correction=True,
# and SplitConformalRegressor, both with prefit=True
QUANTILES = {
    0.6: [[-0.481, 1.863], [1.015, 2.271], [-0.149, 1.471], [-2.738, -2.474], [0.735, 2.887], [0.097, 1.689]],
    0.8: [[-0.769, 2.151], [0.727, 2.559], [-0.437, 1.759], [-3.026, -2.186], [0.447, 3.175], [-0.191, 1.977]],
    0.9: [[-0.985, 2.367], [0.511, 2.775], [-0.653, 1.975], [-3.242, -1.97], [0.231, 3.391], [-0.407, 2.193]],
}
RESIDUALS = {
    0.6: [[0.054, 1.328], [1.006, 2.28], [0.024, 1.298], [-3.243, -1.969], [1.174, 2.448], [0.256, 1.53]],
    0.8: [[-0.463, 1.845], [0.489, 2.797], [-0.493, 1.815], [-3.76, -1.452], [0.657, 2.965], [-0.261, 2.047]],
    0.9: [[-0.969, 2.351], [-0.017, 3.303], [-0.999, 2.321], [-4.266, -0.946], [0.151, 3.471], [-0.767, 2.553]],
}


def without_quantiles(prediction):
    return {"values": prediction["values"]}


@pytest.mark.parametrize("coverage", (0.6, 0.8, 0.9))
def test_the_intervals_are_mapies(coverage):
    (given, targets), (asked, _) = drawn(40, 0), drawn(6, 1)
    held = NumberInterval(coverage).fitted(given, targets, ONE)
    np.testing.assert_allclose(held.ends(asked, ONE).numpy()[:, 0], QUANTILES[coverage], atol=5e-6)
    held = NumberInterval(coverage).fitted(without_quantiles(given), targets, ONE)
    ends = held.ends(without_quantiles(asked), ONE).numpy()[:, 0]
    np.testing.assert_allclose(ends, RESIDUALS[coverage], atol=5e-6)


@pytest.mark.parametrize("form", ("quantiles", "values", "deviation"))
def test_what_is_promised_holds(form):
    shares, scale = [], np.float32([2.0])
    for seed in range(40):
        prediction, targets = drawn(1000, seed)
        if form == "deviation":
            prediction = without_quantiles(prediction) | {"deviation": np.float32(0.5 + targets * 0 + seed % 3)}
        prediction = without_quantiles(prediction) if form == "values" else prediction
        parts = [{k: v[half] for k, v in prediction.items()} for half in (slice(None, 400), slice(400, None))]
        ends = NumberInterval(0.8).fitted(parts[0], targets[:400], scale).ends(parts[1], scale).numpy()
        shares.append(((ends[..., 0] <= targets[400:]) & (targets[400:] <= ends[..., 1])).mean())
    assert abs(np.mean(shares) - 0.8) < 0.015


def test_an_interval_that_would_be_turned_around_is_its_middle():
    held = NumberInterval(0.5, margins=(-3.0,), examples=9)
    given = {"values": np.zeros((1, 1), np.float32), "quantiles": np.float32([[[-1.0, 0.0, 2.0]]])}
    np.testing.assert_allclose(held.ends(given, ONE), [[[0.5, 0.5]]])
    np.testing.assert_allclose(NumberInterval(0.5, (-1.0,), 9).ends(given, ONE), [[[0.0, 1.0]]])


def test_the_model_answers_with_it_and_says_so():
    arch = Regressor(num_outputs=1, center=(10.0,), scale=(2.0,), interval=NumberInterval(0.9, (1.5,), 19))
    prediction = arch.decode({"values": tf.constant([[0.5]])}, {})
    assert list(prediction) == list(arch.outputs) == ["values", "interval"]
    np.testing.assert_allclose(prediction["interval"], [[[8.0, 14.0]]])
    described = arch.describe({k: v.numpy()[0] for k, v in prediction.items()}, ("age",))
    assert described["interval"] == {"ends": {"age": [8.0, 14.0]}, "coverage": 0.9, "of": "each number"}
    assert ValuesShowing().in_words(described) == "age 11 (90 %: 8 to 14)"
    assert arch.promise()["thresholds"] == [1.5] and Regressor().promise() == {}


def test_the_evaluator_counts_both_sides():
    evaluator = Numbers(("a",), promised=0.5)
    ends = np.float32([[[0, 1]], [[0, 1]], [[0, 3]]])
    evaluator.update({"values": np.zeros((3, 1)), "interval": ends}, {"targets": np.float32([[1], [1.01], [-0.01]])})
    found = evaluator.result()
    assert found["interval_coverage"] == pytest.approx(1 / 3) and found["interval_width"] == pytest.approx(5 / 3)


def test_bad_settings():
    with pytest.raises(UsageError, match="interval.coverage=1; allowed: above 0 and below 1"):
        NumberInterval(1.0)
    prediction, targets = drawn(8, 0)
    with pytest.raises(UsageError, match="interval.coverage=0.9 needs 9 held-out examples or more .* there are 8"):
        NumberInterval(0.9).fitted(prediction, targets, ONE)
