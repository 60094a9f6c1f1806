"""Which way figures are better."""

import math

import pytest

from kerasvision.core.direction import (
    Target,
    direction_of,
    distance,
    goodness,
    is_better,
    read_directions,
    said,
    write_directions,
)
from kerasvision.core.errors import KerasVisionError

STATED = {"hd95": "min", "dice": "max", "area_bias": Target(0.0), "coverage": Target(0.9), "zeros": "none"}


@pytest.mark.parametrize(
    ("key", "direction"),
    [
        ("hd95", "min"),
        ("hd95/liver", "min"),
        ("hd95/dice", "min"),  # a class of this name
        ("hd95_low", "min"),
        ("hd95_high", "min"),
        ("dice/a/b", "max"),
        ("coverage", Target(0.9)),
        ("zeros", "none"),
        ("hd95_middle", None),
        ("loss", None),
    ],
)
def test_a_class_and_an_interval_go_with_their_figure(key, direction):
    assert direction_of(STATED, key) == direction


@pytest.mark.parametrize(
    ("better", "worse", "direction"),
    [(0.9, 0.8, "max"), (0.8, 0.9, "min"), (0.89, 0.95, Target(0.9)), (0.92, 0.85, Target(0.9)), (2, -5, Target(0.0))],
)
def test_both_sides(better, worse, direction):
    assert goodness(better, direction) > goodness(worse, direction)
    assert is_better(better, worse, direction) and not is_better(worse, better, direction)
    assert not is_better(better, better, direction)
    assert is_better(worse, None, direction) and is_better(worse, math.nan, direction)
    assert not is_better(math.nan, worse, direction)


def test_what_has_no_direction_is_never_better():
    assert not is_better(1.0, 0.0, "none") and not is_better(0.0, 1.0, "none") and not is_better(1.0, 0.0, None)


def test_a_change_of_a_figure_with_a_target_is_one_of_the_distance():
    assert distance(0.95, Target(0.9)) == pytest.approx(0.05) == pytest.approx(distance(0.85, Target(0.9)))
    assert distance(-0.3, "min") == -0.3
    assert said(Target(0.9)) == "nearer to 0.9 is better" and said("min") == "less is better" and said("max") == ""


def test_a_run_keeps_them(tmp_path):
    write_directions(tmp_path, STATED)
    assert read_directions(tmp_path) == STATED
    for text in ('{"a": "up"}', '{"a": {"target": "x"}}', "[1]", "{", '{"a": null}'):
        (tmp_path / "directions.json").write_text(text)
        with pytest.raises(KerasVisionError, match=r"directions\.json is damaged"):
            read_directions(tmp_path)
