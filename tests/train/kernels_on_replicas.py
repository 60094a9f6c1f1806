"""Run as a script, in a process of its own: pruning, clustering and what preserves them on one replica and on two.

Prints one JSON object.
"""

import json
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.train.fit import train
from kerasvision.train.techniques._kernels import kernels
from tests.train import tiny


def kernels_after(folder, phase):
    """layer -> array, of the best weights of a phase."""
    graph = tiny.smooth_classifier(num_classes=10).build()
    graph.load_weights(folder / f"phase-{phase}" / "best.weights.h5")
    return {layer: v.numpy() for (layer, _), v in kernels(graph).items()}


def main():
    """Both trainings and their comparison."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    gentle, aware = tiny.sgd(0.01), create("techniques/qat", preserve="sparsity")
    then = (Phase(1, gentle, (), (create("techniques/cluster"),)), Phase(1, gentle, (), (aware,)))
    prune = create("techniques/prune", sparsity=0.5, skip=())
    recipe = tiny.recipe(model=tiny.smooth_classifier(), epochs=2, techniques=(prune,), then=then)
    with tempfile.TemporaryDirectory() as root:
        folders = [pathlib.Path(root, name) for name in ("one", "two")]
        train(recipe, folders[0])
        trained = train(recipe, folders[1], strategy="mirrored")
        (one, clustered), (two, other) = ([kernels_after(f, n) for n in (1, 2)] for f in folders)
    final = {layer.removeprefix("quant_"): v.numpy() for (layer, _), v in kernels(trained.graph).items()}
    same = np.mean([np.mean((final[k] == 0) == (two[k] == 0)) for k in two])
    found = {
        "zeros": [int((a == 0).sum()) for a in two.values()],
        "expected": [round(0.5 * a.size) for a in two.values()],
        "other zeros": float(np.mean(np.concatenate([((one[k] == 0) != (two[k] == 0)).ravel() for k in two]))),
        "weights": max(float(np.median(np.abs(one[k] - two[k]))) for k in two),
        "preserved": float(same),
        "values": max(len(np.unique(a)) for a in other.values()),
        "clustered": max(float(np.median(np.abs(clustered[k] - other[k]))) for k in other),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
