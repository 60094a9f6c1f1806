"""Runs side by side, against scipy's paired t-test and numpy."""

import json
import math

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from kerasvision.core.direction import Target, write_directions
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.experiments import compare

BASE = {0: 0.80, 1: 0.82, 2: 0.81}
BETTER = {0: 0.85, 1: 0.86, 2: 0.87}


def write_run(folder, name, seed, recipe=None, **values):
    """A folder with what `read_run` reads. recipe: further fields of it."""
    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text(json.dumps({"@": "recipe", "name": name, "seed": seed} | (recipe or {})))
    (folder / "metrics.json").write_text(json.dumps({f"test/{k}": v for k, v in values.items()}))
    write_directions(folder, {"accuracy": "max", "loss": "min", "bias": Target(0.0), "counted": "none"})
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
    assert "fewer than two seeds in common say nothing of chance" in compare.conclusion([base, better])


def test_the_conclusion_knows_that_less_loss_is_better(folders):
    said = compare.conclusion(rows_of(folders, "test/loss"))
    assert "better is the best of 1" in said and "-0.0500" in said and ", beyond what seeds explain" in said
    reversed_said = compare.conclusion(rows_of([*folders[3:], *folders[:3]], "test/loss"))
    assert "+0.0500" in reversed_said


def test_the_best_is_by_the_metric_s_own_direction_and_not_by_its_name(tmp_path):
    """Beside the baseline, the largest, the smallest and the one nearest to 0 are each the best of one metric."""
    held = []
    for name, value in (("base", 0.5), ("large", 0.9), ("small", -0.7), ("near", 0.1)):
        for s in (0, 1):
            values = dict.fromkeys(("accuracy", "loss", "bias", "counted", "unknown"), value + 0.01 * s)
            held.append(write_run(tmp_path / f"{name}-{s}", name, s, **values))
    for metric, best in (("accuracy", "large"), ("loss", "small"), ("bias", "near")):
        assert f"{best} is the best of 3" in compare.conclusion(rows_of(held, f"test/{metric}"))
    for metric in ("counted", "unknown"):
        assert "no recipe is the best: nothing says" in compare.conclusion(rows_of(held, f"test/{metric}"))


def test_a_change_of_a_figure_with_a_target_is_that_of_its_distance(tmp_path):
    """From -0.5 to +0.3 is 0.2 nearer to 0, not 0.8 more."""
    held = [write_run(tmp_path / f"a-{s}", "a", s, bias=-0.5 - 0.01 * s) for s in (0, 1, 2)]
    held += [write_run(tmp_path / f"b-{s}", "b", s, bias=0.3 + 0.03 * s) for s in (0, 1, 2)]
    base, other = rows_of(held, "test/bias")
    nearer = [-0.2, -0.18, -0.16]
    assert other.change == pytest.approx(np.mean(nearer)) and other.mean == pytest.approx(0.33)
    assert other.p == pytest.approx(stats.ttest_1samp(nearer, 0.0).pvalue)
    assert compare.heading(base) == "test/bias (nearer to 0 is better)"


def test_figures_of_files_have_directions_too():
    run = compare.Run("x", 0, None, {}, {"accuracy": "max"})
    keys = ("accuracy", "size_bytes", "latency_ms", "gzip_bytes")
    assert [run.direction(f"tflite:int8/{k}") for k in keys] == ["max", "min", "min", "min"]


def test_a_run_without_directions_asks_its_architecture(digits_run, tmp_path):
    """Of runs that were trained before they kept them; and nothing is guessed where nobody can say."""
    for name in ("recipe.json", "metrics.json", "classes.txt"):
        (tmp_path / name).write_bytes((digits_run.folder / name).read_bytes())
    run = compare.read_run(tmp_path)
    assert run.direction("test/log_loss") == "min" and run.direction("test/recall/3") == "max"
    assert run.directions == compare.read_run(digits_run.folder).directions
    (tmp_path / "recipe.json").write_text('{"name": "gone", "seed": 0, "model": {"@": "architectures/gone"}}')
    assert compare.read_run(tmp_path).direction("test/log_loss") is None


def test_two_runs_of_one_name_and_seed_are_named_by_folder(tmp_path):
    held = [write_run(tmp_path / n, "same", 0, accuracy=0.5) for n in ("a", "b")]
    assert [r.name for r in rows_of(held)] == [str(f) for f in held]


def test_what_is_compared_when_nobody_says_is_common_to_all(tmp_path, folders):
    other = write_run(tmp_path / "other", "other", 0, accuracy=0.7)
    assert {r.metric for r in rows_of([*folders, other])} == {"test/accuracy"}


@pytest.mark.parametrize(
    ("metric", "first"),
    [("", "test/accuracy"), ("loss", "test/loss"), ("last", "test/last"), ("recall/cat", "test/recall/cat")],
)
def test_what_the_recipe_is_decided_by_comes_first(metric, first, tmp_path):
    """Also where it is none of the six that are compared, or of a single class."""
    values = dict.fromkeys(("accuracy", "loss", "a", "b", "c", "d", "last", "recall/cat"), 0.5)
    held = [write_run(tmp_path / n, n, 0, {"metric": metric}, **values) for n in ("x", "y")]
    metrics = list(dict.fromkeys(r.metric for r in rows_of(held)))
    assert metrics[0] == first and len(metrics) == 6
    assert compare.conclusion(rows_of(held)).startswith(f"On {first}, ")
    assert rows_of(held, "test/d")[0].metric == "test/d"  # whoever names metrics has those


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
