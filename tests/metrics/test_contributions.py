"""Shapley values: games whose values are known, the mean over all orders by its definition, and sums to 1e-9."""

import itertools

import numpy as np
import pytest

from kerasvision.metrics.contributions import draw_contributions, sets_of, shapley, with_interval


def test_gloves():
    """Players 0 and 1 have a left glove each, 2 a right one, and a pair is worth 1: 1/6, 1/6, 2/3 (a textbook's)."""
    worth = {held: float(2 in held and len(held) > 1) for held in sets_of(3)}
    np.testing.assert_allclose(shapley(worth), [1 / 6, 1 / 6, 2 / 3], atol=1e-15)


def test_a_majority_is_shared_alike_and_a_dummy_has_nothing():
    worth = {held: float(len({*held} & {0, 1, 2}) >= 2) for held in sets_of(4)}
    np.testing.assert_allclose(shapley(worth), [1 / 3, 1 / 3, 1 / 3, 0], atol=1e-15)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_they_are_the_mean_over_all_orders_and_add_up(count):
    """By the definition, an order at a time; of each example by itself, so that intervals can be drawn."""
    rng = np.random.default_rng(count)
    worth = {held: rng.normal(size=7) for held in sets_of(count)}
    wanted = np.zeros((count, 7))
    orders = list(itertools.permutations(range(count)))
    for order in orders:
        for place, player in enumerate(order):
            before, after = (tuple(sorted(order[: place + more])) for more in (0, 1))
            wanted[player] += (worth[after] - worth[before]) / len(orders)
    found = shapley(worth)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_allclose(found.sum(0), worth[tuple(range(count))] - worth[()], atol=1e-9)


def test_an_interval_is_that_of_a_mean():
    """Of 4,000 numbers 1.96 standard errors to either side; of copies of 40 groups ten times as many."""
    values = np.random.default_rng(0).normal(3.0, 2.0, 4000)
    mean, low, high = with_interval(values)
    error = values.std() / np.sqrt(len(values))
    assert mean == values.mean()
    assert low == pytest.approx(mean - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.2 * error)
    few = np.repeat(values[:40], 100)
    _, low, high = with_interval(few, np.repeat(np.arange(40), 100))
    assert high - low == pytest.approx(2 * 1.96 * values[:40].std() / np.sqrt(40), rel=0.15)


def test_bars_are_as_long_as_what_they_stand_for(tmp_path):
    """Colored pixels of the longest row of each half: 0.5 beside 0.25 above none, and a share of nothing."""
    from PIL import Image

    sets = {"text": (0.5, 0.5, 0.5), "numbers": (0.25, 0.25, 0.25)}
    shares = {"text": (0.4, 0.4, 0.4), "numbers": (0.0, 0.0, 0.0)}
    draw_contributions(tmp_path / "chart.png", sets, shares, "accuracy", 0.0)
    pixels = np.asarray(Image.open(tmp_path / "chart.png").convert("RGB")).astype(int)
    blue = np.abs(pixels - [0x48, 0x78, 0xA8]).max(-1) < 8
    left, right = np.split(blue, [blue.shape[1] // 2], 1)
    rows = left.sum(1)
    upper, lower = np.array_split(rows, 2)
    assert upper.max() == pytest.approx(2 * lower.max(), abs=4) and lower.max() > 30
    assert np.array_split(right.sum(1), 2)[0].max() > 100 and not np.array_split(right.sum(1), 2)[1].any()
