"""The learning-rate range test: the rates rise as said, the slope is found, and the answer trains."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create, techniques
from kerasvision.core.source_code import recipe_source
from kerasvision.experiments.find_rate import _Enough, _Losses, find_rate, smoothed, steepest
from tests.train import tiny


def test_the_rate_rises_by_the_same_factor():
    sweep = create("techniques/sweep_rate", low=1e-4, high=1.0, steps=5)
    np.testing.assert_allclose([sweep.rate(i) for i in range(5)], [1e-4, 1e-3, 1e-2, 1e-1, 1.0])


@pytest.mark.parametrize(
    "technique",
    [("mixed_precision",), ("accumulate",), pytest.param((), marks=pytest.mark.nightly)],  # by day without: below
)
def test_each_step_has_its_rate(technique):
    """Plain descent moves a weight by rate times gradient: the optimizer that trains is asked for its rate."""
    parts = tuple(create(f"techniques/{t}") for t in technique)
    sweep = create("techniques/sweep_rate", low=1e-3, high=1e-1, steps=9)
    made = sweep.optimizer(tiny.sgd().make(100, {}))
    assert type(made).__name__ == "SGD"
    assert made.momentum == 0.9
    assert [float(made._learning_rate(i)) for i in (0, 8)] == pytest.approx([1e-3, 1e-1])
    found = find_rate(tiny.recipe(techniques=parts), 1e-3, 1e-1, 9)
    assert len(found.losses) == len(found.rates) == 9
    assert found.rates[-1] == pytest.approx(0.1)
    assert all(np.isfinite(found.losses))


def test_the_optimizer_that_trains_steps_with_the_rates(monkeypatch):
    """Found rates are what the recipe would say for the optimizer to step so."""
    moved = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            moved.append(float(self.model.optimizer._current_learning_rate))

    sweep = techniques["sweep_rate"]
    monkeypatch.setattr(sweep, "callbacks", lambda self: (Watch(),))
    optimizer = tiny.sgd(learning_rate=0.05)
    scaled = dataclasses.replace(optimizer, batch_scaling="linear", base_batch=64)  # of 16: a quarter
    found = find_rate(tiny.recipe(optimizer=scaled), 1e-3, 1e-1, 9)
    stepped = np.geomspace(1e-3, 1e-1, 9)
    np.testing.assert_allclose(moved[1:], stepped[1:], rtol=1e-5)
    np.testing.assert_allclose(found.rates, 4 * stepped)


def test_what_is_not_decayed_stays_so():
    made = create("optimizers/adamw").make(100, {})
    swept = create("techniques/sweep_rate").optimizer(made)
    names = [tf.Variable(0.0, name=n) for n in ("kernel", "bias", "gamma")]
    assert [bool(swept._use_weight_decay(v)) for v in names] == [True, False, False]


def test_an_interruption_is_no_end_of_the_test(monkeypatch):
    from kerasvision.experiments import find_rate as module

    def stopped(recipe, folder, watchers):
        watchers[0].losses += [1.0] * 50
        raise KerasVisionError("stopped at step 50 of phase 1")

    monkeypatch.setattr(module, "train", stopped)
    with pytest.raises(KerasVisionError, match="stopped at step 50"):
        find_rate(tiny.recipe())


def test_the_first_losses_are_those_of_the_batches():
    """At a rate of almost nothing the loss stays at about ln 10; what the epoch's mean says is taken apart."""
    found = find_rate(tiny.recipe(), 1e-12, 1e-11, 12)
    assert np.std(found.losses) > 1e-3  # of different batches
    assert np.abs(np.array(found.losses) - np.log(10)).max() < 0.8


def test_the_steepest_descent_is_found():
    rates = np.geomspace(1e-6, 1, 200)
    losses = 2.3 - 2 / (1 + np.exp(-3 * (np.log10(rates) + 2.5))) + np.where(rates > 0.1, 50 * (rates - 0.1), 0)
    assert -2.6 < np.log10(steepest(rates, losses)) < -1.9  # at 10**-2.5, and the mean lags behind
    assert smoothed([3.0] * 5) == pytest.approx([3.0] * 5)


def smooth_by_words(losses):
    """Each loss weighs 0.9 times the one after it; the weights' sum is 1."""
    weights = [0.9 ** np.arange(n)[::-1] for n in range(1, len(losses) + 1)]
    return [float((w * losses[: len(w)]).sum() / w.sum()) for w in weights]


@pytest.mark.parametrize("fall", [3.0, 0.5])
def test_what_happens_after_the_least_loss_does_not_count(fall):
    """Falls by 1 in the steps 40 to 80, slowly before; diverges, and then falls back faster than it ever did before."""
    rates = np.geomspace(1e-6, 1, 200)
    losses = np.interp(np.arange(200), [0, 40, 80, 110, 130, 135, 199], [2.3, 2.2, 1.2, 1.15, 8.0, 8.0 - fall, 6.0])
    at = int(np.searchsorted(rates, steepest(rates, losses)))
    assert 45 <= at <= 95, "the mean lags behind by some ten steps"
    seen = np.array(smooth_by_words(losses))
    np.testing.assert_allclose(smoothed(list(losses)), seen, rtol=1e-9)
    slope = np.gradient(seen, np.log(rates))
    assert at == slope[: seen.argmin() + 1].argmin()
    if fall == 3.0:
        assert slope.argmin() > 130, "else this curve would show nothing"


def test_a_loss_that_only_rises_takes_one_of_the_first_rates():
    rates = np.geomspace(1e-6, 1, 50)
    assert steepest(rates, np.linspace(1, 50, 50)) in rates[:3]
    with pytest.raises(KerasVisionError, match="2 steps are too few"):
        steepest(rates[:2], [1.0, 2.0])


@pytest.mark.parametrize(("jump", "ends"), [(20.5, True), (21.5, True), (19.5, False)])
def test_the_test_ends_where_the_smoothed_loss_is_three_times_its_least(jump, ends):
    """After many losses of 1 one loss of x makes the mean 0.9 + 0.1 x: 3 at x = 21, less early on."""
    watch = _Losses(steps=10_000)
    count = 200 if jump > 21 or not ends else 30  # of 30 losses the last weighs 1 / (1 - 0.9**31) times as much
    watch.on_epoch_begin(0)
    for batch in range(count):
        watch.on_train_batch_end(batch, {"loss": 1.0})
    mean = (count + jump) / (count + 1)
    last = smooth_by_words([1.0] * count + [jump])[-1]
    assert (last > 3) == ends
    if ends:
        with pytest.raises(_Enough):
            watch.on_train_batch_end(count, {"loss": mean})
    else:
        watch.on_train_batch_end(count, {"loss": mean})
    assert watch.losses[-1] == pytest.approx(jump)


def test_the_command_says_a_rate_and_draws(tmp_path, capsys):
    path = tmp_path / "recipe.py"
    path.write_text(recipe_source(tiny.recipe(optimizer=tiny.sgd(momentum=0.0))))
    assert main(["tune", str(path), "--find-rate", "--out", str(tmp_path / "rates"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 1e-4 < found["best"] < 1.0
    assert (tmp_path / "rates" / "rates.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["tune", str(path), "--find-rate", "--search", "epochs=1..2", "--out", str(tmp_path / "rates")]) == 2
    assert "two things" in capsys.readouterr().err


def test_what_cannot_be_is_one_line():
    with pytest.raises(UsageError, match="sweep_rate.low, sweep_rate.high: got 1.0 and 0.1; allowed: 0 < low < high"):
        create("techniques/sweep_rate", low=1.0, high=0.1)
