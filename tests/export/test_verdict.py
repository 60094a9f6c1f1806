"""What figures say of a file: intervals and verdicts by hand, on both sides of every threshold."""

import math

import numpy as np
import pytest

from kerasvision.core.direction import Target
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Budget
from kerasvision.export import verdict
from kerasvision.inference.folds import FOLDS
from kerasvision.metrics.classification import SingleLabel


def agreement(direction, change, spread, flips=1, tolerance=None, examples=100):
    held = {"metric": "m", "direction": direction, "metric_change": change, "flips": flips, "examples": examples}
    interval = [change - spread, change + spread]
    return held | {"metric_change_interval": interval, "tolerance": tolerance, "worst": "a.png", "folds_left_out": 0}


class Exporter:
    suffixes = (".tflite",)


class OtherExporter:
    suffixes = (".other",)


def failures(held, drop=0.05):
    return verdict.failures_of(Exporter, held, 1, 1.0, {}, Budget(accuracy_drop=drop))


def test_a_tflite_file_needs_no_select_tf_operators():
    held, budget = agreement("max", 0.0, 0.0), Budget()
    (line,) = verdict.failures_of(Exporter, held, 1, 1.0, {"FlexErf": 1, "ADD": 2}, budget)
    assert line == "needs Select-TF operators, which phones lack: FlexErf"
    assert not verdict.failures_of(Exporter, held, 1, 1.0, {"ADD": 2}, budget)
    assert not verdict.failures_of(OtherExporter, held, 1, 1.0, {"FlexErf": 1}, budget)


@pytest.mark.parametrize("direction", ["max", "min"])
def test_only_an_interval_on_one_side_of_the_budget_decides(direction):
    """A budget of 0.05: the file is worse by 0.02 to 0.04 (kept), 0.04 to 0.06 (unclear), 0.06 to 0.08 (broken)."""
    worse = -1 if direction == "max" else 1
    kept, unclear, broken = (agreement(direction, worse * change, 0.01) for change in (0.03, 0.05 + 1e-9, 0.07))
    assert not verdict.examples_needed(kept, 0.05) and not failures(kept)
    assert verdict.examples_needed(unclear, 0.05) > 100 and not failures(unclear)
    assert not verdict.examples_needed(broken, 0.05)
    (line,) = failures(broken)
    assert line.startswith(f"m {'falls' if direction == 'max' else 'rises'} by 0.0700 (worst on a.png); budget")
    better = agreement(direction, -worse * 0.5, 0.01)
    assert not verdict.examples_needed(better, 0.05) and not failures(better)


def test_the_number_of_examples_that_would_decide():
    """The width falls with the root of the number: from 0.04 to the 0.02 that are left takes four times as many."""
    assert verdict.examples_needed(agreement("max", -0.03, 0.04), 0.05) == pytest.approx(400, abs=1)
    # without any changed decision with the number itself: 3 / n must fall from 0.03 to 0.005
    assert verdict.examples_needed(agreement("max", 0.0, 0.03, flips=0), 0.005) == pytest.approx(600, abs=1)
    assert verdict.examples_needed(agreement("max", -0.05, 0.04), 0.05) == math.inf


def test_a_bound_of_the_arithmetic_is_evidence_enough():
    assert verdict.examples_needed(agreement("max", 0.0, 0.9, flips=0, tolerance=1e-5), 0.005) == 0


def test_the_interval_is_the_delete_a_group_jackknife_s():
    """1.96 sqrt((G - 1) / G * sum of squares about the whole), of paired differences, by hand for two odd folds."""
    ours, theirs = [0.9] * FOLDS, [0.9] * FOLDS
    ours[0], ours[1] = 0.8, None
    held = verdict.change_of("m", "max", 0.88, 0.9, ours, theirs, 3, 500)
    squares = (-0.1 + 0.02) ** 2 + (FOLDS - 2) * 0.02**2
    spread = 1.96 * math.sqrt((FOLDS - 2) / (FOLDS - 1) * squares)
    np.testing.assert_allclose(held["metric_change_interval"], [-0.02 - spread, -0.02 + spread])
    assert held["folds_left_out"] == 1
    said = verdict.notes_of(held | {"examples_needed": 0, "examples": 500}, Budget(), "xnnpack")
    assert said == ("1 of 20 folds have no m; the interval is made of the others",)


def test_without_a_changed_decision_groups_count_and_not_their_examples():
    """The rule of three of 40 persons with 500 pictures; a fold each of five; and what one person alone says."""
    held = verdict.change_of("m", "max", 0.9, 0.9, [0.9] * 5, [0.9] * 5, 0, 40)
    assert held["metric_change_interval"] == pytest.approx([-0.075, 0.075]) and held["folds"] == 5
    about = held | {"examples_needed": 0, "examples": 500}
    assert verdict.notes_of(about | {"groups": 2}, Budget(), "xnnpack") == ()
    said = verdict.notes_of(about | {"groups": 1}, Budget(), "xnnpack")
    assert said == ("all examples are of one group; the interval says nothing of examples of others",)


@pytest.mark.parametrize(("ours", "worse"), [(0.85, 0.05), (0.99, 0.09), (0.90, 0.0)])
def test_a_metric_with_a_target_is_judged_by_its_distance(ours, worse):
    """A coverage that is to be 0.9: below and above it is worse by as far as it is away; the file had it exactly."""
    held = verdict.change_of("m", Target(0.9), ours, 0.9, [ours] * 5, [0.9] * 5, 3, 500)
    assert held["direction"] == {"target": 0.9} and held["metric_change"] == pytest.approx(worse)
    held |= {"examples": 500, "tolerance": None, "flips": 3, "worst": "a.png"}
    assert verdict.gained(held)[2] == pytest.approx(-worse)
    lines = failures(held, drop=0.06)
    assert bool(lines) == (worse > 0.06)
    assert not lines or lines[0].startswith("m moves away from its target by 0.0900 (worst on a.png)")
    nearer = verdict.change_of("m", Target(0.9), 0.9, ours, [0.9] * 5, [ours] * 5, 3, 500)
    assert verdict.gained(nearer)[2] == pytest.approx(worse)


def test_without_a_changed_decision_a_class_s_own_examples_count():
    """Of 40 examples in 20 pairs four, in two pairs, are of the class; the rule of three is of 4 or 2 of them."""
    judge, labels = SingleLabel(("cat", "dog", "emu")), np.repeat([0, 1], [4, 36])
    judge.update({"probabilities": np.eye(3)[labels]}, {"label": labels})
    assert [verdict.units_of(judge, m, 40) for m in ("accuracy", "recall/cat", "recall/dog")] == [40, 4, 36]
    judge.split_groups = tuple(np.arange(40) // 2)
    assert [verdict.units_of(judge, m, 40) for m in ("accuracy", "recall/cat", "recall/dog")] == [20, 2, 18]


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_metric_that_is_no_number_is_refused(value):
    with pytest.raises(KerasVisionError, match=f"nothing was exported: m of tflite:int8 is {value}"):
        verdict.require_finite({"m": value} if value is not None else {}, "m", "tflite:int8")
    verdict.require_finite({"m": 0.0}, "m", "tflite:int8")


def test_any_number_that_is_none_is_found_with_its_example():
    """`classification/nearest_class` compares probabilities alone, a reader of text no places: both are looked at."""
    held = {"label": np.array([1, 2, 3]), "scores": np.zeros((3, 4), np.float32), "name": np.array([b"a", b"b", b"c"])}
    assert verdict.not_finite(held) == []
    boxes = np.zeros((3, 2, 4), np.float32)
    boxes[1, 0, 2], boxes[2, 1, 0] = np.inf, np.nan
    assert verdict.not_finite(held | {"boxes_xyxy": boxes}) == [("boxes_xyxy", 1)]
