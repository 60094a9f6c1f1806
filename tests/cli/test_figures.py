"""A terminal shows at most 20 figures of single classes, the worst, and says how many are elsewhere."""

import dataclasses

import pytest

from kerasvision.cli.figures import MOST, shown
from kerasvision.cli.train import report

STATED = {"accuracy": "max", "recall": "max", "hd95": "min", "odd": "none"}


def figures(*kinds, classes=100):
    """accuracy, and for each kind a figure of each class: c007 has 7."""
    rows = {"test/accuracy": 0.5}
    return rows | {f"{kind}/c{i:03}": float(i) for kind in kinds for i in range(classes)}


def single(rows):
    return [key for key in rows if key.count("/") == 2]


@pytest.mark.parametrize(("classes", "left"), [(19, 0), (20, 0), (21, 1), (1000, 980)])
def test_twenty_are_shown_and_of_more_the_worst_twenty(classes, left):
    metrics = figures("test/recall", classes=classes)
    rows, line = shown(metrics, STATED, "metrics.json")
    assert len(single(rows)) == min(classes, MOST) and rows["test/accuracy"] == 0.5
    assert list(rows) == [key for key in metrics if key in rows]
    assert max(rows[k] for k in single(rows)) == min(classes, MOST) - 1
    said = f"of single classes the worst 20 are shown; {left} more are in metrics.json: {left} of test/recall/*"
    assert line == (said if left else "")


def test_the_worst_are_the_largest_where_less_is_better():
    rows, line = shown(figures("test/hd95"), STATED, "there")
    assert {rows[k] for k in single(rows)} == set(range(80, 100))
    assert line.endswith("80 more are in there: 80 of test/hd95/*")


def test_several_kinds_share_the_rows_and_small_ones_leave_theirs():
    rows, line = shown(figures("validation/recall", "test/recall", "test/odd"), STATED, "there")
    counts = [sum(k.startswith(kind) for k in rows) for kind in ("validation/recall/", "test/recall/", "test/odd/")]
    assert sum(counts) == MOST and min(counts) >= 6
    assert "280 more" in line and "of validation/recall/*, " in line
    few = figures("validation/recall", classes=3) | figures("test/recall")
    rows, line = shown(few, STATED, "there")
    assert len(single(rows)) <= MOST and "of test/recall/*" in line
    rows, _ = shown(figures(*(f"test/k{i}" for i in range(30)), classes=2), STATED, "there")
    assert len(single(rows)) == MOST


def test_names_of_classes_may_hold_anything():
    metrics = {f"test/recall/a/{i}[red]": 0.1 * i for i in range(30)}
    rows, line = shown(metrics, STATED, "there")
    assert len(rows) == MOST and "10 of test/recall/*" in line


def test_train_s_table(digits_run, capsys):
    classes = tuple(f"c{i:03}" for i in range(60))
    metrics = digits_run.metrics | {f"test/recall/{name}": i / 60 for i, name in enumerate(classes)}
    report(dataclasses.replace(digits_run, metrics=metrics))
    out = capsys.readouterr().out
    rows = [row for row in out.splitlines() if "│" in row]
    assert sum(row.count("/") == 2 for row in rows) == MOST and any("/recall/" in row for row in rows)
    said = " ".join(out.split())
    rest = sum(name.count("/") == 2 for name in metrics) - MOST
    assert f"{rest} more are in" in said and "metrics.json" in said and "test/accuracy" in out
