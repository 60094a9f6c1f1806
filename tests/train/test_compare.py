"""Runs side by side, against scipy's paired t-test and numpy."""

import json
import math

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.train import compare

BASE = {0: 0.80, 1: 0.82, 2: 0.81}
BETTER = {0: 0.85, 1: 0.86, 2: 0.87}


def write_run(folder, name, seed, **values):
    """A folder with what `read_run` reads."""
    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text(json.dumps({"@": "recipe", "name": name, "seed": seed}))
    (folder / "metrics.json").write_text(json.dumps({f"test/{k}": v for k, v in values.items()}))
    return folder


@pytest.fixture
def folders(tmp_path):
    held = [write_run(tmp_path / f"base-{s}", "base", s, accuracy=v, loss=1 - v) for s, v in BASE.items()]
    return held + [write_run(tmp_path / f"better-{s}", "better", s, accuracy=v, loss=1 - v) for s, v in BETTER.items()]


def rows_of(folders, *metrics):
    return compare.compared([compare.read_run(f) for f in folders], metrics)


def test_mean_deviation_and_interval_are_scipy_s(folders):
    base, better = rows_of(folders, "test/accuracy")
    assert base.mean == pytest.approx(np.mean(list(BASE.values())))
    assert base.deviation == pytest.approx(np.std(list(BASE.values()), ddof=1))
    assert base.change is None and base.interval is None
    known = stats.ttest_rel(list(BETTER.values()), list(BASE.values())).confidence_interval(0.95)
    assert better.interval == pytest.approx((known.low, known.high))
    assert better.change == pytest.approx(np.mean(list(BETTER.values())) - base.mean)


def test_seeds_are_paired_by_number_and_not_by_place(folders):
    straight, turned = (
        rows_of(folders, "test/accuracy")[1],
        rows_of([*folders[:3], *folders[:2:-1]], "test/accuracy")[1],
    )
    assert turned.interval == pytest.approx(straight.interval)


def test_one_run_each_has_a_change_without_an_interval(folders):
    base, better = rows_of([folders[0], folders[3]], "test/accuracy")
    assert better.change == pytest.approx(0.05) and better.interval is None and math.isnan(base.deviation)
    assert "nothing of chance" in compare.conclusion([base, better])


def test_the_conclusion_knows_that_less_loss_is_better(folders):
    said = compare.conclusion(rows_of(folders, "test/loss"))
    assert "better is the best of 1" in said and "-0.0500" in said and ", beyond what seeds explain" in said
    reversed_said = compare.conclusion(rows_of([*folders[3:], *folders[:3]], "test/loss"))
    assert "+0.0500" in reversed_said


@pytest.mark.parametrize(
    ("metric", "less"),
    [
        ("test/hd95", True),
        ("test/hd95/organ", True),
        ("test/hd95_low", True),
        ("validation/volume_error/organ", True),
        ("test/missed/organ", True),
        ("tflite:int8/latency_ms", True),
        ("loss", True),
        ("test/dice/organ", False),
        ("test/recall/error", False),  # a class of this name
        ("tflite:int8/accuracy", False),
    ],
)
def test_whether_less_is_better_is_told_by_the_metric_not_by_its_class(metric, less):
    assert compare.less_is_better(metric) == less


def test_two_runs_of_one_name_and_seed_are_named_by_folder(tmp_path):
    held = [write_run(tmp_path / n, "same", 0, accuracy=0.5) for n in ("a", "b")]
    assert [r.name for r in rows_of(held)] == [str(f) for f in held]


def test_what_is_compared_when_nobody_says_is_common_to_all(tmp_path, folders):
    other = write_run(tmp_path / "other", "other", 0, accuracy=0.7)
    assert {r.metric for r in rows_of([*folders, other])} == {"test/accuracy"}


def test_figures_of_exported_files_are_read(folders):
    artifact = {"kind": "tflite:int8", "metrics": {"accuracy": 0.79}, "size_bytes": 12345, "latency_ms": None}
    place = folders[0] / "tflite" / "models" / "x"
    place.mkdir(parents=True)
    (place / "contract.json").write_text(json.dumps({"artifacts": [artifact]}))
    values = compare.read_run(folders[0]).values
    assert values["tflite:int8/accuracy"] == 0.79 and values["tflite:int8/size_bytes"] == 12345
    assert "tflite:int8/latency_ms" not in values


def test_report_is_whole_and_its_picture_opens(folders, tmp_path):
    rows = rows_of(folders, "test/accuracy", "test/loss")
    path = compare.write_report("both", rows, tmp_path / "report")
    text = path.read_text()
    assert compare.conclusion(rows) in text and "| better | 0.8600 | 0.0100 | 3 | +0.0500 |" in text
    assert Image.open(path.with_name("report.png")).size[0] > 600
    assert sorted(p.name for p in path.parent.iterdir()) == ["report.md", "report.png"]


def test_bad_input_is_one_line(folders, tmp_path):
    with pytest.raises(KerasVisionError, match="is no finished run"):
        compare.read_run(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="has no metric 'test/acuracy'.*test/accuracy"):
        rows_of(folders, "test/acuracy")
