"""The smallest recipes that train something real: digits of 8x8 pixels, eight steps an epoch, a network of width 8."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import tf_keras as keras

from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create, techniques
from kerasvision.train.techniques.base import Technique

ROOT = pathlib.Path(__file__).resolve().parents[2]


def classifier(**fields):
    """A classifier of 8x8 images with two levels."""
    backbone = create("backbones/convnet", width=8, blocks=(1, 1))
    return create("classification/classifier", **{"image_size": (8, 8), "backbone": backbone} | fields)


def sgd(learning_rate=0.05, momentum=0.9):
    """Stochastic gradient descent at a constant rate."""
    return create("optimizers/sgd", learning_rate=learning_rate, momentum=momentum, schedule="constant", warmup=0.0)


def recipe(**fields):
    """Eight steps an epoch, of 16 digits each; 90 for validation, the rest for the test.

    Small on purpose: one pre-activation within 1e-7 of a ReLU's kink makes two runs that differ in rounding alone
    part by 1e-4. Eight steps of 16 see 3e5 of them, so that this is unlikely (a batch of 200 met it).
    """
    given = {
        "name": "tiny",
        "model": classifier(),
        "data": create("sources/digits", validation_fraction=0.05, test_fraction=0.875),
        "optimizer": sgd(),
        "epochs": 1,
        "batch_size": 16,
    }
    return Recipe(**given | fields)


def weights(path, arch=None):
    """Variable name -> array, from a `.weights.h5` file of a graph without techniques that change it."""
    graph = dataclasses.replace(arch or classifier(), num_classes=10).build()
    graph.load_weights(path)
    return {v.name: v.numpy() for v in graph.variables}


def largest_difference(a, b):
    """Over all arrays of two dicts with equal keys; of values beyond 1, the relative difference."""
    assert a.keys() == b.keys()
    return max(float((np.abs(a[k] - b[k]) / np.maximum(np.abs(b[k]), 1.0)).max()) for k in a)


@techniques.register("end_once")
@dataclasses.dataclass(frozen=True)
class EndOnce(Technique):
    """Sends this process a signal before one step of one epoch, unless the file `marker` is there.

    epoch, step of the epoch: counted from 0. worker: of a cluster, the one that is hit.
    """

    marker: str
    epoch: int
    step: int
    worker: int = 0
    number: int = signal.SIGKILL.value

    def callbacks(self):
        return (_Ender(self),)


class _Ender(keras.callbacks.Callback):
    def __init__(self, how):
        super().__init__()
        self._how, self._epoch = how, 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        how, marker = self._how, pathlib.Path(self._how.marker)
        if (self._epoch, batch, worker_index()) == (how.epoch, how.step, how.worker) and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), how.number)


def worker_index():
    """Of this process in the cluster of TF_CONFIG; 0 without one."""
    import json

    config = os.environ.get("TF_CONFIG")
    return json.loads(config)["task"]["index"] if config else 0


def run_python(*words, **options):
    """A Python process that finds the tests; its output as text. options: of `subprocess.run`."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"} | options.pop("environment", {})
    return subprocess.run(
        [sys.executable, *words], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, **options
    )
