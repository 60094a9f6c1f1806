"""The smallest recipes that train something real: digits of 8x8 pixels, eight steps an epoch, a network of width 8."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import backbones, create, techniques
from kerasvision.layers.norm import batch_norm
from kerasvision.train.techniques.base import Technique

ROOT = pathlib.Path(__file__).resolve().parents[2]


def classifier(**fields):
    """A classifier of 8x8 images with two levels."""
    backbone = create("backbones/convnet", width=8, blocks=(1, 1))
    return create("classification/classifier", **{"image_size": (8, 8), "backbone": backbone} | fields)


@backbones.register("smooth")
@dataclasses.dataclass(frozen=True)
class Smooth(Backbone):
    """Convolutions, normalizations and swish: no kink.

    A pre-activation within 1e-7 of ReLU's kink makes two runs that differ in rounding alone part by 1e-4 within a few
    steps (digits have thousands of equal background pixels, which cross it together), so what is compared to 1e-6
    must be smooth.
    """

    weights: str | None = None

    def __call__(self, x):
        levels = {}
        for level, width, stride in (("c0", 8, 1), ("c1", 16, 2)):
            name = f"backbone_{level}"
            x = keras.layers.Conv2D(width, 3, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
            x = batch_norm(f"{name}_bn")(x)
            levels[level] = x = keras.layers.Activation("swish", name=f"{name}_swish")(x)
        return levels


def smooth_classifier(**fields):
    """`classifier` without a kink."""
    return classifier(backbone=Smooth(), **fields)


def sgd(learning_rate=0.05, momentum=0.9):
    """Stochastic gradient descent at a constant rate."""
    return create("optimizers/sgd", learning_rate=learning_rate, momentum=momentum, schedule="constant", warmup=0.0)


def recipe(**fields):
    """Eight steps an epoch, of 16 digits each; 90 for validation, the rest for the test."""
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
    graph = (arch or smooth_classifier(num_classes=10)).build()
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


CHILD_SECONDS = 600  # of processor time, not of a clock: on a busy machine a child may wait for minutes


def run_python(*words, **options):
    """A Python process that finds the tests; its output as text. options: of `subprocess.run`."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"} | options.pop("environment", {})
    command = ["sh", "-c", f'ulimit -t {CHILD_SECONDS}; exec "$0" "$@"', sys.executable, *words]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, **options)
