"""Run as a script, like `replicas.py`: `train` with techniques on one replica and on two mirrored ones.

Prints one JSON object: technique -> differences of the weights, and that of the trained model from the run it wrote.
"""

import json
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.train.callbacks import read_history
from kerasvision.train.fit import train
from kerasvision.train.run import load_run
from tests.train import tiny


def compared(folder, parts):
    """A phase of two epochs, whose ends are an exchange of weights each, for every technique; one replica and two.

    name -> differences of the weights after its phase; "loaded" is of the trained model, whichever phase was the best.
    """
    then = tuple(Phase(2, tiny.sgd(), (), (part,)) for part in parts[1:])
    recipe = tiny.recipe(model=tiny.smooth_classifier(), techniques=parts[:1], epochs=2, then=then)
    for strategy in ("default", "mirrored"):
        trained = train(recipe, folder / strategy, strategy=strategy)
    image = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    answers = [t.served().serve({"image": image})["probabilities"].numpy() for t in (trained, load_run(trained.folder))]
    rows = read_history(trained.folder / "history.csv")
    found = {"loaded": float(np.abs(answers[0] - answers[1]).max())}
    for number, part in enumerate(parts, start=1):
        one, two = (tiny.weights(folder / s / f"phase-{number}" / "best.weights.h5") for s in ("default", "mirrored"))
        losses = [float(row["loss"]) for row in rows if row["phase"] == str(number)]
        name = part.registered_name.rpartition("/")[2]
        found[name] = {"weights": tiny.largest_difference(one, two), "losses": losses}
    return found


def main():
    """All comparisons."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        train(tiny.recipe(model=tiny.smooth_classifier(), seed=1), folder / "teacher")
        parts = create("techniques/ema", decay=0.9), create("techniques/swa", first=1)
        parts += (create("techniques/distill", teacher=str(folder / "teacher")),)
        print(json.dumps(compared(folder, parts)))


if __name__ == "__main__":
    main()
