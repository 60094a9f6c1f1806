"""Averages of weights: what they are by a hand-made loop, that they are what is kept, and that they resume."""

import dataclasses
import functools
import signal

import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create, techniques
from kerasvision.train.callbacks import read_history
from kerasvision.train.run import load_run
from kerasvision.train.techniques.base import Technique
from tests.train import tiny
from tests.undrawn import train

AVERAGES = {"ema": {"decay": 0.9}, "swa": {"first": 2}}


@techniques.register("note_weights")
@dataclasses.dataclass(frozen=True)
class NoteWeights(Technique):
    """Notes the weights after every step and at the end of every epoch, before an average takes their place."""

    def callbacks(self):
        NOTED.clear()
        return (_Notes(),)


NOTED = []


class _Notes(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        NOTED.append(self._weights())

    def on_train_batch_end(self, batch, logs=None):
        NOTED.append(self._weights())

    def _weights(self):
        return {v.name: v.numpy().copy() for v in self.model.graph.variables}


def recipe_for(*parts, **fields):
    return tiny.recipe(**{"model": tiny.smooth_classifier(), "techniques": parts, "epochs": 3} | fields)


def test_ema_is_the_recursion_over_all_steps(tmp_path):
    """Of one epoch, so that its end is what is kept; a_t = d a + (1 - d) w_t with d = min(0.9, (1 + t) / (10 + t))."""
    trained = train(
        recipe_for(create("techniques/note_weights"), create("techniques/ema", decay=0.9), epochs=1), tmp_path / "run"
    )
    average = NOTED[0]
    assert len(NOTED) == 9
    for t, weights in enumerate(NOTED[1:], start=1):
        d = min(0.9, (1 + t) / (10 + t))
        average = {k: d * average[k] + (1 - d) * weights[k] for k in weights}
    kept = {v.name: v.numpy() for v in load_run(tmp_path / "run").graph.variables}
    assert tiny.largest_difference(kept, average) < 1e-6
    assert tiny.largest_difference(kept, NOTED[-1]) > 1e-3
    assert tiny.largest_difference(kept, {v.name: v.numpy() for v in trained.graph.variables}) == 0


def test_no_step_waits_until_the_loss_of_an_average_is_fetched():
    (average,), seen = create("techniques/ema").callbacks(), []
    average.on_train_batch_end = lambda batch, logs=None: seen.append(logs["loss"])
    keras.callbacks.CallbackList([average]).on_train_batch_end(0, {"loss": tf.constant(1.0)})
    assert tf.is_tensor(seen[0])


def test_swa_is_the_mean_of_the_last_epochs(tmp_path):
    """The validation metric is taken out, so that the last epoch is kept: the mean of epochs 2 and 3."""
    data = create("sources/digits", validation_fraction=0.0, test_fraction=0.92)
    parts = (create("techniques/note_weights"), create("techniques/swa", first=2))
    train(recipe_for(*parts, data=data, validation_fraction=0.0), tmp_path / "run")
    kept = {v.name: v.numpy() for v in load_run(tmp_path / "run").graph.variables}
    steps = (len(NOTED) - 1) // 3
    ends = NOTED[2 * steps], NOTED[3 * steps]
    assert tiny.largest_difference(kept, {k: (ends[0][k] + ends[1][k]) / 2 for k in kept}) < 1e-6
    assert tiny.largest_difference(kept, ends[1]) > 1e-4


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """name of an average, or "" for none -> folder of its run, that nobody interrupted. Tests must not change it."""
    marker = tmp_path_factory.mktemp("whole") / "there"
    marker.touch()

    @functools.cache
    def trained(name):
        return train(ending(name, marker), marker.with_name(name or "plain")).folder

    return trained


def ending(name, marker, epoch=1):
    """A recipe with an average (or none, ""), that a signal ends once within an epoch unless the marker is there."""
    end = tiny.EndOnce(marker=str(marker), epoch=epoch, step=3, number=int(signal.SIGINT))
    return recipe_for(*([create(f"techniques/{name}", **AVERAGES[name])] if name else []), end)


@pytest.mark.parametrize("name", AVERAGES)
def test_training_itself_goes_on_as_without(name, whole):
    """Losses are those of the weights, of every epoch; only what is validated differs."""
    plain, averaged = ([float(r["loss"]) for r in read_history(whole(f) / "history.csv")] for f in ("", name))
    assert plain == pytest.approx(averaged, abs=1e-6)


# swa begins with the second epoch and stands for ema, which begins with the first step: both are variables of a backup.
# What is not an average yet is left alone as it is without one, which test_resume.py interrupts
NIGHTLY = (("ema", 1), ("ema", 2), ("swa", 1))


@pytest.mark.parametrize(
    ("name", "epoch"), [("swa", 2), *(pytest.param(*c, marks=pytest.mark.nightly) for c in NIGHTLY)]
)
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_average_ends_where_it_would_have_ended(name, epoch, whole, tmp_path):
    recipe = ending(name, tmp_path / "absent", epoch)
    with pytest.raises(KerasVisionError, match="stopped at step"):
        train(recipe, tmp_path / "run")
    train(recipe, tmp_path / "run", resume=True)
    folders = whole(name), tmp_path / "run"
    whole, resumed = (tiny.weights(f / "model.weights.h5") for f in folders)
    assert tiny.largest_difference(whole, resumed) < 1e-6
    rows = [[float(r["validation/accuracy"]) for r in read_history(f / "history.csv")] for f in folders]
    assert rows[0] == rows[1]


def test_two_averages_of_one_phase_are_refused(tmp_path):
    with pytest.raises(KerasVisionError, match="two techniques of one phase average the weights"):
        train(recipe_for(create("techniques/ema"), create("techniques/swa")), tmp_path / "run")


def test_bad_fields_are_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"ema.decay=1; allowed"):
        create("techniques/ema", decay=1.0)
    with pytest.raises(UsageError, match=r"swa.first=0; allowed"):
        create("techniques/swa", first=0)
    with pytest.raises(UsageError, match=r"swa.first=3 in a phase of 2 epochs: nothing would be averaged"):
        train(recipe_for(create("techniques/swa", first=3), epochs=2), tmp_path / "run")
