"""Accumulated gradients: several small steps are one large one."""

import signal

import numpy as np
import pytest

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from tests.train import steps, tiny
from tests.undrawn import train

FOUR = create("techniques/accumulate", steps=4)
OPTIMIZERS = {
    "sgd": create("optimizers/sgd", learning_rate=0.1, warmup=0.0, weight_decay=0.01),
    "adamw": create("optimizers/adamw", learning_rate=1e-2, warmup=0.5, weight_decay=0.1, clip_norm=0.1),
}


def largest_step_apart(a, b):
    """Of two learners' weights."""
    values = zip(steps.weights(a).values(), steps.weights(b).values(), strict=True)
    return max(float(np.abs(x - y).max()) for x, y in values)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_small_steps_are_one_large_step(optimizer):
    """Three updates with a cosine schedule, warm-up, decay and clipping: all of them count updates."""
    small, before = steps.stepped(steps.plain, OPTIMIZERS[optimizer], 12, batch=4, technique=FOUR)
    large, _ = steps.stepped(steps.plain, OPTIMIZERS[optimizer], 3, batch=16)
    assert largest_step_apart(small, large) < 1e-6
    moved = [np.abs(a - b).max() for a, b in zip(steps.weights(large).values(), before.values(), strict=True)]
    assert min(moved) > 1e-3
    assert (int(small.optimizer.iterations), int(small.optimizer.inner.iterations)) == (12, 3)


def test_nothing_moves_amid_a_group_and_a_rest_is_dropped():
    few, before = steps.stepped(steps.plain, OPTIMIZERS["sgd"], 3, technique=FOUR)
    for array, start in zip(steps.weights(few).values(), before.values(), strict=True):
        np.testing.assert_array_equal(array, start)


def test_batch_normalizations_see_each_small_batch():
    """Their averages move four times, with the moments of four examples: not what one batch of sixteen does."""
    small, before = steps.stepped(steps.normalized, OPTIMIZERS["sgd"], 4, batch=4, technique=FOUR)
    large, _ = steps.stepped(steps.normalized, OPTIMIZERS["sgd"], 1, batch=16)
    ends = [steps.weights(learner)["backbone_c0_bn/moving_variance:0"] for learner in (small, large)]
    shares = [np.median(np.abs(end - before["backbone_c0_bn/moving_variance:0"])) for end in ends]
    assert shares[0] > 2.5 * shares[1]  # 1 - 0.9**4 = 0.34 of the way, against 0.1


def test_float16_accumulates_too():
    mixed, before = steps.stepped(steps.plain, tiny.sgd(), 4, technique=FOUR, dtype="float16")
    exact, _ = steps.stepped(steps.plain, tiny.sgd(), 4, technique=FOUR)
    for a, b, start in zip(steps.weights(mixed).values(), steps.weights(exact).values(), before.values(), strict=True):
        assert np.linalg.norm(a - b) < 0.02 * np.linalg.norm(b - start)


@pytest.mark.nightly  # three trainings; states of other techniques in backups by day: test_prune.py, test_averages.py
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_goes_on_amid_a_group(tmp_path):
    """Eight steps an epoch, three to an update: the backup after the first epoch holds two thirds of a group."""
    three = create("techniques/accumulate", steps=3)

    def recipe(marker):
        end = tiny.EndOnce(marker=str(marker), epoch=1, step=2, number=int(signal.SIGINT))
        return tiny.recipe(model=tiny.smooth_classifier(), techniques=(three, end), epochs=2)

    (tmp_path / "there").touch()
    whole = train(recipe(tmp_path / "there"), tmp_path / "whole")
    stopped = recipe(tmp_path / "marker")
    with pytest.raises(Exception, match="stopped at step 10 of phase 1; go on from step 8"):
        train(stopped, tmp_path / "run")
    resumed = train(stopped, tmp_path / "run", resume=True)
    pairs = zip(whole.graph.get_weights(), resumed.graph.get_weights(), strict=True)
    assert max(float(np.abs(a - b).max()) for a, b in pairs) < 1e-6


def test_less_than_one_step_is_refused():
    with pytest.raises(UsageError, match="accumulate.steps: got 0; allowed: 1 or more"):
        create("techniques/accumulate", steps=0)
