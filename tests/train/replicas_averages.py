"""Run as a script, like `replicas.py`: `train` with techniques on one replica and on two mirrored ones.

Prints one JSON object: technique -> differences of the weights, and of the trained model from the run it wrote.
"""

import json
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from kerasvision.core.registry import create
from kerasvision.train.callbacks import read_history
from kerasvision.train.fit import train
from kerasvision.train.run import load_run
from tests.train import tiny


def compared(folder, technique):
    """Two epochs, whose ends are an exchange of weights each."""
    recipe = tiny.recipe(model=tiny.smooth_classifier(), techniques=(technique,), epochs=2)
    name = technique.registered_name.rpartition("/")[2]
    ends = {}
    for strategy in ("default", "mirrored"):
        out = folder / f"{name}-{strategy}"
        trained = train(recipe, out, strategy=strategy)
        ends[strategy] = tiny.weights(out / "model.weights.h5")
    image = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    answers = [t.served().serve({"image": image})["probabilities"].numpy() for t in (trained, load_run(out))]
    return {
        "weights": tiny.largest_difference(ends["default"], ends["mirrored"]),
        "loaded": float(np.abs(answers[0] - answers[1]).max()),
        "loss": float(read_history(out / "history.csv")[-1]["loss"]),
    }


def main():
    """All comparisons."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        train(tiny.recipe(model=tiny.smooth_classifier(), seed=1), folder / "teacher")
        parts = [create("techniques/ema", decay=0.9), create("techniques/swa", first=1)]
        parts += [create("techniques/distill", teacher=str(folder / "teacher"))]
        print(json.dumps({p.registered_name.rpartition("/")[2]: compared(folder, p) for p in parts}))


if __name__ == "__main__":
    main()
