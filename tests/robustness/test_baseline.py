"""Errors in parts of a baseline's, by hand, and what is kept of a measurement that was stopped."""

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.inference.folds import interval_of
from kerasvision.robustness.asking import Asked
from kerasvision.robustness.baseline import compared, relative
from kerasvision.robustness.kept import Kept
from kerasvision.robustness.report import summary


def document(clean, first, second, name="a", direction="max"):
    rows = {"fog": dict(zip("13", first, strict=True)), "snow": dict(zip("13", second, strict=True))}
    held = {"name": name, "split": "test", "metric": "accuracy", "examples": 10, "direction": direction}
    return held | {"clean": clean, "corruptions": rows, "mean": float(np.mean([first, second]))}


def test_errors_are_summed_over_severities_before_they_are_divided():
    found = compared(document(0.9, (0.8, 0.6), (0.7, 0.7)), document(0.8, (0.6, 0.2), (0.6, 0.4), "b"))
    assert found["baseline"] == "b"
    assert found["corruptions"] == {"fog": pytest.approx(0.6 / 1.2), "snow": pytest.approx(0.6 / 1.0)}
    assert found["mce"] == pytest.approx(0.55)
    assert found["relative_mce"] == pytest.approx(((0.1 + 0.3) / (0.2 + 0.6) + (0.2 + 0.2) / (0.2 + 0.4)) / 2)
    assert relative(document(0.8, (0.6, 0.2), (0.6, 0.6))) == pytest.approx(0.5 / 0.8)


def test_of_an_error_less_is_better_and_a_perfect_baseline_is_none():
    found = compared(document(1.0, (2, 4), (3, 3), direction="min"), document(2.0, (3, 3), (4, 8), "b", "min"))
    assert found["mce"] == pytest.approx((1 + 0.5) / 2)
    assert compared(document(0.9, (0.8, 0.6), (0.7, 0.7)), document(1.0, (1, 1), (1, 0.5), "b"))["mce"] is None
    with pytest.raises(UsageError, match="accuracy has no error"):
        compared(document(1.5, (1, 1), (1, 1)), document(0.5, (1, 1), (1, 1)))


def test_what_was_measured_otherwise_is_not_compared():
    base = document(0.8, (0.6, 0.2), (0.6, 0.4), "b")
    with pytest.raises(UsageError, match="examples: b has 20, a has 10"):
        compared(document(0.9, (1, 1), (1, 1)), base | {"examples": 20})
    with pytest.raises(UsageError, match="other corruptions or severities"):
        compared(document(0.9, (1, 1), (1, 1)), base | {"corruptions": {"fog": {"1": 0.5}}})


def cell(value, folds=(), extra=None):
    held = {"value": value, "folds": list(folds) or [value] * 20, "extra": extra or {}}
    return held | {"figure": "recall", "classes": {"cat": value}}


def test_the_mean_is_of_corruptions_and_has_an_interval():
    rows = {
        "fog": {
            "1": cell(0.8, [0.7, 0.9], {"calibration_error": 0.2}),
            "5": cell(0.4, [0.4, 0.4], {"calibration_error": 0.4}),
        },
        "once": {"1": cell(0.3, [0.3, None], {"calibration_error": 0.1})},
    }
    found = summary(cell(0.9, [0.9, 0.9], {"calibration_error": 0.05}), rows)
    assert found["mean"] == pytest.approx((0.6 + 0.3) / 2)
    assert found["extra"] == {"calibration_error": {"clean": 0.05, "mean": pytest.approx(0.2)}}
    assert found["interval"]["mean"] is None, "of one fold that all have"
    assert found["interval"]["clean"] == [0.9, 0.9]
    assert summary(cell(0.9), {})["mean"] is None


def test_the_interval_is_that_of_a_mean_by_the_jackknife():
    values = np.random.default_rng(0).normal(size=20)
    folds = [np.delete(values, k).mean() for k in range(20)]
    low, high = interval_of(values.mean(), folds)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std(ddof=1) / np.sqrt(20))
    assert interval_of(0.5, [0.5, None]) is None


def test_kept_cells_are_those_of_the_same_model(tmp_path):
    kept, clean = Kept(tmp_path), cell(0.9, [0.9, None])
    assert kept.cells(clean) == {}
    kept.write(clean, {"fog/1": cell(0.5)})
    assert kept.cells(cell(0.9 + 1e-8, [0.9, None]))["fog/1"]["value"] == 0.5
    for other in (cell(0.91, [0.9, None]), cell(0.9, [0.8, None]), cell(0.9, [0.9, None], {"coverage": 0.9})):
        assert kept.cells(other) == {}
    (tmp_path / "robustness.partial.json").write_text("{")
    assert kept.cells(clean) == {}
    kept.forget()
    kept.forget()
    assert not list(tmp_path.iterdir())


# of the baseline come three cells: of clean images and two severities; then those of the model
@pytest.mark.parametrize(("stopped_at", "left"), [(2, [0, 5, 0, 1, 5]), (3, [0, 0, 1, 5]), (5, [0, 0, 5])])
def test_the_same_command_goes_on(stopped_at, left, digits_run, digits_tflite, tmp_path, monkeypatch):
    asked, cell_of = [], Asked.cell

    def cell(self, corruption=None, severity=0, answer=None):
        if len(asked) == stopped_at:
            raise KeyboardInterrupt
        asked.append(severity)
        return cell_of(self, corruption, severity, answer)

    words = ["robustness", str(digits_run.folder), "--corruptions", "contrast", "--severities", "1", "5"]
    words += ["--examples", "40", "--against", str(digits_tflite)]
    monkeypatch.setattr(Asked, "cell", cell)
    assert main([*words, "--out", str(tmp_path / "a")]) == 130
    stopped_at = None
    asked.clear()
    assert main([*words, "--out", str(tmp_path / "a")]) == 0
    assert asked == left
    assert main([*words, "--out", str(tmp_path / "b")]) == 0
    for name in ("robustness.json", "baseline/robustness.json"):
        assert (tmp_path / "a" / name).read_text() == (tmp_path / "b" / name).read_text()
    assert not list(tmp_path.rglob("*partial*"))
