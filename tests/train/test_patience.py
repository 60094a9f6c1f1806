"""Training ends when the main metric has not become better for so many epochs; also after a restart."""

import dataclasses
import signal
import types

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.overrides import override
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.core.source_code import recipe_source
from kerasvision.train import fit
from kerasvision.train.callbacks import KeepBest, read_history
from tests.train import tiny
from tests.undrawn import train

METRIC = "validation/accuracy"
FREEZE = create("techniques/freeze")  # with a rate of nearly nothing no prediction changes, nor does the metric
STILL = tiny.sgd(1e-12)


def still(**fields):
    return tiny.recipe(optimizer=STILL, techniques=(FREEZE,), epochs=9, **fields)


def epochs_until_it_stops(tmp_path, values, patience, direction="max", start=0, first=0):
    graph = tiny.classifier(num_classes=10).build()
    keeper = KeepBest(graph, tmp_path, METRIC, True, first, direction, patience)
    learner = types.SimpleNamespace(stop_training=False)
    keeper.set_model(learner)
    keeper.set_params({"epochs": 100})
    keeper.on_train_begin()
    for epoch, value in enumerate(values, start=start):
        keeper.on_epoch_end(epoch, {METRIC: value})
        if learner.stop_training:
            return epoch + 1, keeper.stopped
    return None


@pytest.mark.parametrize(
    ("values", "patience", "direction", "ends"),
    [
        ((0.5, 0.6, 0.6, 0.6, 0.7), 2, "max", 4),
        ((0.5, 0.6, 0.6, 0.7, 0.7, 0.6), 2, "max", 6),
        ((0.5, 0.6, 0.6, 0.7, 0.7, 0.6), 3, "max", None),
        ((0.5, 0.4, 0.3), 1, "max", 2),
        ((0.5, 0.4, 0.3), 1, "min", None),
        ((0.3, 0.4, 0.5), 2, "min", 3),
        ((0.5, 0.4, 0.3, 0.2), None, "max", None),
        ((float("nan"), 0.1, float("nan"), float("nan")), 2, "max", 4),
    ],
)
def test_it_ends_after_so_many_epochs_and_no_sooner(tmp_path, values, patience, direction, ends):
    seen = epochs_until_it_stops(tmp_path, values, patience, direction)
    assert (seen and seen[0]) == ends


def test_the_line_says_which_epoch_and_how_good(tmp_path):
    _, line = epochs_until_it_stops(tmp_path, (0.5, 0.625, 0.6, 0.625), 2)
    assert line == (
        "stopped after epoch 4: validation/accuracy has not become better than 0.6250, of epoch 2, for 2 epochs"
    )


def test_a_restart_counts_on(tmp_path):
    assert epochs_until_it_stops(tmp_path, (0.5, 0.4), 3) is None
    assert epochs_until_it_stops(tmp_path, (0.45, 0.49), 3, start=2)[0] == 4


def test_epochs_that_may_not_be_kept_are_not_waited_for(tmp_path):
    """Pruning: the first two are better only because little is pruned."""
    assert epochs_until_it_stops(tmp_path, (0.9, 0.8, 0.5, 0.4, 0.4), 2, first=2)[0] == 5


def rows(folder):
    return [(r["phase"], r["epoch"]) for r in read_history(folder / "history.csv")]


@pytest.mark.slow
def test_training_ends_and_each_phase_has_its_own(tmp_path, capfd):
    recipe = still(patience=2, then=(Phase(9, STILL, (), (FREEZE,), patience=1),))
    train(recipe, tmp_path / "run")
    said = capfd.readouterr().err
    assert rows(tmp_path / "run") == [("1", "1"), ("1", "2"), ("1", "3"), ("2", "1"), ("2", "2")]
    assert said.count("tiny phase 1 stopped after epoch 3: validation/accuracy has not become better than 0.") == 1
    assert said.count("tiny phase 2 stopped after epoch 2: ") == 1 and "for 1 epoch\n" in said


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_before_the_phase_is_marked_trains_no_more(tmp_path, capfd, monkeypatch):
    """The epoch after which it ended is backed up, the phase is not marked as finished; and one in the midst of it."""
    end = tiny.EndOnce(str(tmp_path / "marker"), epoch=1, step=3, number=int(signal.SIGINT))
    recipe = dataclasses.replace(still(patience=2), techniques=(FREEZE, end))
    with pytest.raises(KerasVisionError, match="stopped at step 11"):
        train(recipe, tmp_path / "run")

    def power_cut(keeper, graph):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="power cut"):
        patched.setattr(fit.KeepBest, "restore", power_cut)
        train(recipe, tmp_path / "run", resume=True)
    assert rows(tmp_path / "run") == [("1", "1"), ("1", "2"), ("1", "3")]
    line = "tiny stopped after epoch 3: validation/accuracy has not become better than 0."
    assert capfd.readouterr().err.count(line) == 1
    resumed = train(recipe, tmp_path / "run", resume=True)
    assert " loss " not in capfd.readouterr().err and len(rows(tmp_path / "run")) == 3
    best = tiny.weights(tmp_path / "run" / "phase-1" / "best.weights.h5", tiny.classifier(num_classes=10))
    for variable in resumed.graph.variables:
        np.testing.assert_array_equal(variable.numpy(), best[variable.name])


def test_a_recipe_s_patience_is_that_of_phases_without_their_own():
    recipe = override(still(then=(Phase(1, STILL), Phase(1, STILL, patience=7))), ["patience=3"])
    assert [p.patience for p in recipe.phases()] == [3, 3, 7] and recipe.then[0].patience is None
    assert type(recipe).loads(recipe.dumps()) == recipe
    assert [p.patience for p in still().phases()] == [None]


@pytest.mark.parametrize("value", ["0", "-1", "often", "1.5", "True", "(1, 2)"])
def test_bad_values_are_one_line(value, tmp_path, capsys):
    path = tmp_path / "recipe.py"
    path.write_text(recipe_source(still()))
    words = ["train", str(path), "--out", str(tmp_path / "run"), "--set", f"patience={value}"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "patience" in error and "allowed: " in error and not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="Phase.patience: got 0; allowed: 1 or more epochs, or None"):
        Phase(1, STILL, patience=0)


def test_without_a_validation_split_there_is_nothing_to_watch(tmp_path):
    data = create("sources/digits", validation_fraction=0.0, test_fraction=0.92)
    with pytest.raises(UsageError, match="patience=2 watches validation/accuracy, and there is no validation split"):
        train(still(patience=2, data=data, validation_fraction=0.0), tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())


APART = '''
from kerasvision.train import callbacks
from tests.train import tiny

seen = []


def better_and_better(served, data):
    """What worker 1 would see if its processor rounded otherwise; worker 0's never changes."""
    seen.append(0)
    return {"accuracy": 0.5 + 0.01 * len(seen) * tiny.worker_index()}


callbacks.evaluate_served = better_and_better
'''


@pytest.mark.slow
def test_workers_stop_together_though_they_see_other_numbers(tmp_path):
    """Else one would wait for the other for ever."""
    path = tmp_path / "recipe.py"
    path.write_text(APART + recipe_source(still(patience=2)))
    command = ["launch", "--workers", "2", "--", "train", str(path), "--out", str(tmp_path / "run")]
    done = tiny.run_python("-m", "kerasvision", *command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert rows(tmp_path / "run") == [("1", "1"), ("1", "2"), ("1", "3")]
    assert done.stderr.count("stopped after epoch 3: validation/accuracy has not become better than 0.5000") == 1
