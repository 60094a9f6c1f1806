"""Figures and the ends of their intervals, told apart by names alone."""

import pytest

from kerasvision.cli.figures import shown
from kerasvision.core.intervals import folded, spelled

HELD = {
    "test/miou": 0.5,
    "test/miou_low": 0.4,
    "test/miou_high": 0.6,
    "test/dice/a/b": 0.7,
    "test/dice_low/a/b": 0.6,
    "test/dice_high/a/b": 0.8,
    "test/dice/a": 0.9,
}


def test_ends_stand_beside_their_figure():
    assert folded(HELD) == {
        "test/miou": (0.5, (0.4, 0.6)),
        "test/dice/a/b": (0.7, (0.6, 0.8)),
        "test/dice/a": (0.9, None),
    }
    assert spelled(0.5, (0.4, 0.6)) == "0.5000 (0.4000 to 0.6000)" and spelled(0.9, None) == "0.9000"


@pytest.mark.parametrize(
    "alone",
    [
        {"test/miou": 0.5, "test/miou_low": 0.4},
        {"test/miou_low": 0.4, "test/miou_high": 0.6},
        {"test/recall/tide": 0.5, "test/recall/tide_low": 0.4, "test/recall/tide_high": 0.6},  # classes
        {"accuracy": 0.5},
    ],
)
def test_what_is_no_interval_is_left_as_it_is(alone):
    assert folded(alone) == {name: (value, None) for name, value in alone.items()}


def test_ends_of_single_classes_stay_or_go_with_their_figure():
    metrics = {}
    for i in range(50):
        metrics |= {f"test/dice/c{i}": i / 50, f"test/dice_low/c{i}": i / 60, f"test/dice_high/c{i}": i / 40}
    rows, line = shown(metrics, {"dice": "max"}, "there")
    assert set(rows) == {f"test/dice{end}/c{i}" for i in range(20) for end in ("", "_low", "_high")}
    assert "30 more are in there: 30 of test/dice/*" in line
