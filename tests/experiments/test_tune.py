"""The search: what is proposed is trained, what lags is stopped, what fails is said, and a study goes on."""

import json
import re
import sys
import types

import pytest

from kerasvision.cli.main import main
from kerasvision.core.direction import Target
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.source_code import recipe_source
from kerasvision.experiments import tune as module
from kerasvision.experiments.dimensions import Dimension, parse_dimension
from kerasvision.experiments.tune import tune
from kerasvision.train.callbacks import read_history
from kerasvision.train.run import load_run
from tests.train import tiny

pytest.importorskip("optuna")
SEARCH = ["optimizer.learning_rate=1e-3..1e-1:log", "batch_size=16,32", "model.dropout=0..0.5"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b=1e-4..1e-2:log", Dimension("a.b", 1e-4, 1e-2, True)),
        ("epochs=2..6", Dimension("epochs", 2, 6)),
        ("epochs=2..64:log", Dimension("epochs", 2, 64, True)),
        ("d=0..0.5", Dimension("d", 0.0, 0.5)),
        ("b=16,32", Dimension("b", choices=("16", "32"))),
        ("s=(8, 8),(16, 16)", Dimension("s", choices=("(8, 8)", "(16, 16)"))),
        ("t='a,b',c", Dimension("t", choices=("'a,b'", "c"))),
    ],
)
def test_a_dimension_is_read(text, expected):
    assert parse_dimension(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("epochs", "no value"),
        ("=1..2", "no value"),
        ("epochs=3", "a search needs two values or more"),
        ("epochs=3,3", "a search needs two values or more"),
        ("epochs=1..many", "an end is no number"),
        ("epochs=5..2", "the ends are not in order"),
        ("rate=0..1:log", "a log scale begins above 0"),
        ("rate=1..2:cube", "unknown scale 'cube'"),
    ],
)
def test_a_misspelled_dimension_is_one_line(text, why):
    with pytest.raises(UsageError) as caught:
        parse_dimension(text)
    assert str(caught.value) == f"--search {text}: {why}; write KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=A,B,C"


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "recipe.py"
    path.write_text(recipe_source(tiny.recipe()))
    return path


def called(recipe_file, out, trials, capsys, search=SEARCH):
    """(exit code, JSON on stdout or None, stderr)."""
    words = ["tune", str(recipe_file), "--search", *search, "--trials", str(trials), "--out", str(out), "--json"]
    code = main(words)
    seen = capsys.readouterr()
    return code, json.loads(seen.out) if seen.out else None, seen.err


def test_a_study_trains_goes_on_and_repeats(recipe_file, tmp_path, capsys):
    out = tmp_path / "study"
    code, two, _ = called(recipe_file, out, 2, capsys)
    assert (code, [t["number"] for t in two["trials"]]) == (0, [0, 1])
    assert two["trials"][0]["settings"] != two["trials"][1]["settings"]
    _, again, text = called(recipe_file, out, 2, capsys)
    assert again == two
    assert "trial 0" not in text
    _, three, text = called(recipe_file, out, 3, capsys)
    assert three["trials"][:2] == two["trials"]
    assert re.findall(r"^trial (\d+):", text, re.MULTILINE) == ["2"]
    _, other, _ = called(recipe_file, tmp_path / "other", 1, capsys)
    assert other["trials"] == two["trials"][:1]  # the same seed proposes and trains the same
    best = three["best"]
    assert best["value"] == max(t["value"] for t in three["trials"])
    run = load_run(best["run"])
    assert run.metrics["validation/accuracy"] == best["value"]
    recipe = Recipe.loads((out / "best.json").read_text())
    assert repr(recipe.optimizer.learning_rate) == best["settings"]["optimizer.learning_rate"]
    assert str(run.recipe.batch_size) == best["settings"]["batch_size"]
    assert (out / "history.png").read_bytes()[:4] == b"\x89PNG"
    code, nothing, text = called(recipe_file, out, 3, capsys, SEARCH[:1])
    assert (code, nothing) == (2, None)
    assert f"kerasvision: {out} holds a study with another search; choose another --out" in text


def test_a_trial_below_the_median_is_stopped_and_a_failed_one_said(tmp_path, monkeypatch, capsys):
    """Of three rates one learns, one does nothing and one ends in NaN. With this seed they are proposed in that order,
    NaN before nothing.
    """
    monkeypatch.setattr(module, "BEFORE_STOPPING", 1)
    search = [parse_dimension("optimizer.learning_rate=0.05,1e-9,1e30")]
    tuned = tune(tiny.recipe(epochs=4, seed=10), search, 3, tmp_path)
    rate = {t.number: t.settings["optimizer.learning_rate"] for t in tuned.trials}
    assert {rate[t.number] for t in tuned.trials if t.state == "failed"} == {"1e30"}
    stopped = [t for t in tuned.trials if t.state == "stopped"]
    assert {rate[t.number] for t in stopped} == {"1e-9"}
    assert len(read_history(tuned.run_of(stopped[0]) / "history.csv")) < 4
    assert rate[tuned.best.number] == "0.05"
    text = capsys.readouterr().err
    assert "failed: the loss became NaN or infinite at step" in text
    assert f"trial {stopped[0].number} stopped: below the median" in text


def test_a_wrong_field_or_value_is_refused_before_any_training(recipe_file, tmp_path, capsys):
    code, _, text = called(recipe_file, tmp_path / "study", 2, capsys, ["optimizer.rate=0..1"])
    assert code == 2
    assert "--set optimizer.rate: SGD has no field 'rate'" in text
    code, _, text = called(recipe_file, tmp_path / "study", 2, capsys, ["validation_fraction=0.1..1.5"])
    assert code == 2
    code, _, text = called(recipe_file, tmp_path / "study", 2, capsys, ["epochs=1..2", "epochs=3..4"])
    assert (code, "names a field twice" in text) == (2, True)
    assert not (tmp_path / "study").exists()


def test_without_validation_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(UsageError, match="tune compares validation/accuracy, and there is no validation split"):
        tune(tiny.recipe(validation_fraction=0.0, data=_unvalidated()), [Dimension("epochs", 1, 2)], 1, tmp_path / "s")


def _unvalidated():
    from kerasvision.core.registry import create

    return create("sources/digits", validation_fraction=0.0)


def test_no_trial_that_ends_is_a_failure(recipe_file, tmp_path, capsys, monkeypatch):
    """As training ends where the loss is NaN, which is tried above."""

    def train(*given, **options):
        raise KerasVisionError("the loss became NaN or infinite at step 2")

    monkeypatch.setattr(module, "train", train)
    code, document, text = called(recipe_file, tmp_path / "s", 1, capsys, ["optimizer.learning_rate=1e29,1e30"])
    assert (code, document["best"]) == (1, None)
    assert "kerasvision: no trial is complete: the loss became NaN" in text


def test_optuna_is_named_where_it_is_missing(recipe_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, text = called(recipe_file, tmp_path / "study", 1, capsys)
    assert (code, text.strip()) == (1, 'kerasvision: tune needs optuna: pip install "kerasvision[tune]"')


def trained_as_planted(monkeypatch, figures):
    """`train` gives the figures of the next trial, epoch by epoch, and trains nothing."""
    left = list(figures)

    def train(recipe, out, watchers=()):
        epochs = left.pop(0)
        for number, found in enumerate(epochs):
            for watcher in watchers:
                watcher.on_epoch_end(number, dict(found))
        return types.SimpleNamespace(metrics=epochs[-1])

    monkeypatch.setattr(module, "train", train)


def planted(accuracy, balanced, loss):
    figures = {"accuracy": accuracy, "balanced_accuracy": balanced, "log_loss": loss}
    return [{f"validation/{k}": v for k, v in figures.items()}]


@pytest.mark.parametrize(
    ("metric", "best"), [("", 0), ("accuracy", 0), ("balanced_accuracy", 1), ("log_loss", 2), ("recall/3", None)]
)
def test_what_the_recipe_is_decided_by_is_what_is_searched_for(metric, best, tmp_path, monkeypatch):
    trained_as_planted(monkeypatch, [planted(0.9, 0.5, 0.6), planted(0.8, 0.85, 0.7), planted(0.85, 0.6, 0.5)])
    tuned = tune(tiny.recipe(metric=metric), [Dimension("epochs", 1, 9)], 3, tmp_path)
    assert tuned.metric == f"validation/{metric or 'accuracy'}"
    assert (tuned.best and tuned.best.number) == best
    if best is None:
        assert {t.error for t in tuned.trials} == {"validation/recall/3 is undefined for this model"}


def test_of_a_figure_with_a_target_the_nearest_is_best(tmp_path, monkeypatch):
    """Coverages of 0.95, 0.7 and 0.89 for 0.9; trials have the coverage itself, not how far it is away."""
    name, values = "validation/coverage", (0.95, 0.7, 0.89)
    monkeypatch.setattr(module, "_compared", lambda recipe: (name, Target(0.9)))
    trained_as_planted(monkeypatch, [[{name: v}] for v in values])
    tuned = tune(tiny.recipe(), [Dimension("epochs", 1, 9)], 3, tmp_path)
    assert [t.value for t in tuned.trials] == list(values) and tuned.best.number == 2


def test_a_study_of_before_there_was_a_metric_goes_on(tmp_path, monkeypatch):
    trained_as_planted(monkeypatch, [planted(0.9, 0.5, 0.6), planted(0.8, 0.6, 0.7)])
    recipe, search = tiny.recipe(), [Dimension("epochs", 1, 9)]
    tune(recipe, search, 1, tmp_path)
    study = module.required().load_study(study_name="tune", storage=f"sqlite:///{tmp_path / 'study.db'}")
    older = json.loads(study.user_attrs["recipe"])
    assert older.pop("metric") == ""
    study.set_user_attr("recipe", json.dumps(older))
    assert len(tune(recipe, search, 2, tmp_path).trials) == 2
    with pytest.raises(UsageError, match="holds a study with another recipe"):
        tune(tiny.recipe(metric="macro_f1"), search, 3, tmp_path)


@pytest.mark.parametrize(("direction", "best"), [("max", 1), ("min", 2)])
def test_the_best_trial_is_by_the_metric_s_direction(direction, best, tmp_path):
    values = (0.5, 0.9, 0.1, None)
    states = ("complete", "complete", "complete", "failed")
    trials = tuple(module.Trial(n, s, v, {}) for n, (s, v) in enumerate(zip(states, values, strict=True)))
    tuned = module.Tuned(tiny.recipe(), "validation/x", trials, tmp_path, direction)
    assert tuned.best.number == best
    module.draw_history(tuned, tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size > 1000
