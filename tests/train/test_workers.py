"""One and two workers train alike; a worker that is killed costs the steps since the last backup and nothing else.

Of the kill, by day: what a launch says of it (tests/cli/test_launch.py), where the stream of one of several workers
goes on (tests/data/test_pipeline.py), and what one process does after it (test_resume.py).
"""

import re

import pytest

from kerasvision.core.recipe import Phase
from kerasvision.core.source_code import recipe_source
from kerasvision.train.callbacks import read_history
from kerasvision.train.interruption import start_step
from tests.train import tiny
from tests.train.scratch import Scratch
from tests.undrawn import train

STEPS = 8  # an epoch


def short_recipe():
    """Eight steps whose batches a technique orders."""
    return tiny.recipe(model=tiny.smooth_classifier(), techniques=(Scratch(each=2),))


def recipe_for(marker):
    """Eight steps, then a phase of sixteen whose batches a technique orders; in its twelfth, worker 1 is killed."""
    end = tiny.EndOnce(marker=str(marker), epoch=1, step=3, worker=1)
    return tiny.recipe(model=tiny.smooth_classifier(), then=(Phase(2, tiny.sgd(0.02), (), (end, Scratch(each=2))),))


def launch(folder, recipe, *options):
    """`kerasvision launch --workers 2 -- train` into `folder`."""
    path = folder.with_suffix(".py")
    registering = "import tests.train.scratch, tests.train.tiny  # scratch and end_once\n"
    path.write_text(registering + recipe_source(recipe))
    command = ["launch", "--workers", "2", "--", "train", str(path), "--out", str(folder), *options]
    return tiny.run_python("-m", "kerasvision", *command)


def epochs_printed(done):
    """(phase, epoch) of every epoch that the first worker reported."""
    return [(int(p), int(e)) for p, e in re.findall(r"tiny phase (\d) epoch (\d)/\d loss", done.stderr)]


def assert_same(one, two, files):
    """Weights in these files to 1e-6, and losses of every epoch."""
    for name in files:
        assert tiny.largest_difference(tiny.weights(one / name), tiny.weights(two / name)) < 1e-6
    expected, seen = (read_history(folder / "history.csv") for folder in (one, two))
    assert [float(r["loss"]) for r in seen] == pytest.approx([float(r["loss"]) for r in expected], abs=1e-5)


def test_two_workers_train_as_one(tmp_path):
    done = launch(tmp_path / "two", short_recipe())
    assert done.returncode == 0, done.stderr[-3000:]
    train(short_recipe(), tmp_path / "one")
    assert_same(tmp_path / "one", tmp_path / "two", ("phase-1/best.weights.h5", "model.weights.h5"))


@pytest.mark.nightly
def test_a_killed_worker_is_made_good_by_resuming_and_two_train_as_one(tmp_path):
    """What two workers do in all, the kill between, is what one process does that nobody kills."""
    folder, marker = tmp_path / "run", tmp_path / "marker"
    killed = launch(folder, recipe_for(marker))
    assert killed.returncode == 1
    assert killed.stderr.strip().splitlines()[-1] == (
        "kerasvision: worker 1 was ended by SIGKILL; start all workers again with --resume"
    )
    assert "Traceback" not in killed.stderr
    assert epochs_printed(killed) == [(1, 1), (2, 1)]
    assert [(r["phase"], r["epoch"]) for r in read_history(folder / "history.csv")] == [("1", "1"), ("2", "1")]
    assert start_step(folder / "phase-2" / "backup", STEPS) == STEPS

    resumed = launch(folder, recipe_for(marker), "--resume")  # the marker is there now: nobody is killed
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert epochs_printed(resumed) == [(2, 2)]  # neither phase 1 nor the first epoch of phase 2 again
    train(recipe_for(marker), tmp_path / "one")
    assert_same(tmp_path / "one", folder, ("phase-1/best.weights.h5", "phase-2/best.weights.h5", "model.weights.h5"))
