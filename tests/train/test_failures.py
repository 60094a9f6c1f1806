"""What goes wrong while training ends in one line, with an exit code, and leaves what is good."""

import dataclasses
import errno
import os
import pathlib
import subprocess

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create, techniques
from kerasvision.train import callbacks, run
from kerasvision.train.run import load_run
from kerasvision.train.techniques.base import Technique
from tests import store
from tests.train import tiny
from tests.undrawn import train


def one_line(capfd):
    """The last line of stderr; there must be no traceback above it."""
    seen = capfd.readouterr().err
    assert "Traceback" not in seen
    return seen.strip().splitlines()[-1]


def saved(recipe, folder):
    """The recipe as a JSON file beside `folder`."""
    path = folder.with_suffix(".json")
    path.write_text(recipe.dumps())
    return str(path)


def test_a_loss_that_explodes_stops_with_one_line(tmp_path, capfd):
    """A rate of 1e30: the first step is taken, the second meets its weights."""
    out = tmp_path / "run"
    recipe = tiny.recipe(optimizer=tiny.sgd(1e30))
    assert main(["train", saved(recipe, out), "--out", str(out)]) == 1
    assert one_line(capfd) == (
        "kerasvision: the loss became NaN or infinite at step 2 of phase 1 (epoch 1); try a smaller "
        "optimizer.learning_rate or optimizer.clip_norm=1"
    )
    assert not (out / "model.weights.h5").exists()


@techniques.register("break_weights")
@dataclasses.dataclass(frozen=True)
class BreakWeights(Technique):
    """Puts NaN into a layer before one step of one epoch, as a gradient that is not finite would."""

    epoch: int
    step: int

    def callbacks(self):
        return (_Breaker(self),)


class _Breaker(keras.callbacks.Callback):
    def __init__(self, when):
        super().__init__()
        self._when, self._epoch = when, 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self._epoch, batch) == (self._when.epoch, self._when.step):
            bias = self.model.graph.get_layer("logits").bias
            bias.assign(np.full(bias.shape, np.nan, np.float32))


def test_the_best_weights_before_a_nan_are_kept(tmp_path):
    recipe = tiny.recipe(epochs=3, techniques=(BreakWeights(1, 3),))
    with pytest.raises(KerasVisionError) as caught:
        train(recipe, tmp_path / "run")
    kept = tmp_path / "run" / "phase-1" / "best.weights.h5"
    assert str(caught.value) == (
        f"the loss became NaN or infinite at step 12 of phase 1 (epoch 2); the best weights so far are in {kept}; try "
        "a smaller optimizer.learning_rate or optimizer.clip_norm=1"
    )
    alone = load_run(store.trained(tiny.recipe()))  # the first epoch, and no more
    weights = {v.name: v.numpy() for v in alone.graph.variables}
    assert tiny.largest_difference(tiny.weights(kept, tiny.classifier(num_classes=10)), weights) < 1e-6


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capfd):
    file = tmp_path / "file"
    file.write_text("not a folder")
    for out in (file, file / "below"):
        assert main(["train", saved(tiny.recipe(), tmp_path / "r"), "--out", str(out)]) == 1
        assert one_line(capfd) == f"kerasvision: cannot write to {out}: Not a directory; choose another --out"
    assert file.read_text() == "not a folder"


@pytest.fixture(params=["48k", "200k"])  # too small for HDF5's file of the weights, and for TensorFlow's backup
def small_disk(tmp_path, request):
    """A folder on a file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_room_lets_it_go_on(small_disk, tmp_path, capfd):
    out = small_disk / "run"
    recipe = saved(tiny.recipe(), tmp_path / "r")
    assert main(["train", recipe, "--out", str(out)]) == 1
    assert one_line(capfd) == (
        f"kerasvision: cannot write to {out}: no space left on device; make room and go on with --resume, or choose "
        "another --out"
    )
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert main(["train", recipe, "--out", str(out), "--resume"]) == 0
    assert not [p for p in out.rglob("*") if ".partial" in p.name]


@pytest.mark.parametrize("where", ["save_weights", "write_text"])
def test_a_failing_write_leaves_the_older_file(where, tmp_path, monkeypatch):
    """Written beside and renamed: what was there stays whole."""
    path = tmp_path / "a.weights.h5"
    path.write_bytes(b"older")
    graph = tiny.classifier(num_classes=10).build()

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        if where == "save_weights":
            patched.setattr(graph, "save_weights", full)
            callbacks.save_weights(graph, path)
        else:
            patched.setattr(pathlib.Path, "write_bytes", full)
            callbacks.write_text(path, "newer")
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize(
    ("name", "key"), [("regression/regressor", "targets"), ("classification/label_powerset", "labels")]
)
def test_data_of_another_task_is_one_line(name, key, tmp_path):
    """Before an architecture takes anything from it."""
    with pytest.raises(KerasVisionError, match=f"{name} needs '{key}', and a sample of this data has"):
        train(tiny.recipe(model=create(name, image_size=(8, 8))), tmp_path / "run")


def test_a_batch_that_replicas_cannot_share_is_refused(tmp_path, monkeypatch):
    from kerasvision.train import fit

    class Three:
        num_replicas_in_sync, cluster_resolver = 3, None

    monkeypatch.setattr(fit, "make_strategy", lambda name: Three())
    with pytest.raises(KerasVisionError, match="batch_size=16 cannot be shared by 3 replicas; set a multiple"):
        train(tiny.recipe(), tmp_path / "run")


def test_unfinished_runs_are_not_loaded(tmp_path):
    with pytest.raises(KerasVisionError, match="is no finished run"):
        run.load_run(tmp_path)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("", "needs TF_CONFIG or a Slurm step"),
        ("{", "TF_CONFIG cannot be read"),
        ('{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG cannot be read .*task"),
    ],
)
def test_a_missing_or_broken_cluster_is_explained(config, says, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(KerasVisionError, match=says):
        train(tiny.recipe(), tmp_path / "run", strategy="multi_worker")
    with pytest.raises(KerasVisionError, match="--strategy tpu: allowed: default, mirrored, multi_worker"):
        train(tiny.recipe(), tmp_path / "run", strategy="tpu")
