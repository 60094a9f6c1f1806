"""Run as a script, in a process of its own: techniques for unequal classes on one replica and on two mirrored ones.

Prints one JSON object, name -> largest differences, as `replicas.py` does.
"""

import dataclasses
import json
import pathlib
import sys
import tempfile

import numpy as np
import tensorflow as tf

from kerasvision.core.registry import create
from kerasvision.train.fit import train
from kerasvision.train.strategy import make_strategy
from tests.train import tiny
from tests.train.replicas import compared

COUNTS = tuple(100 - 9 * k for k in range(10))
COSTS = tuple(tuple(float(abs(i - j)) for j in range(10)) for i in range(10))
OBJECTIVES = {
    "class_weights": {"counts": COUNTS},
    "logit_adjustment": {"counts": COUNTS},
    "focal": {},
    "cost_matrix": {"costs": COSTS, "weight": 0.1},
}


def trained_alike(folder):
    """Weights' differences after a whole training on balanced records with a head fitted again: one replica and two.

    The features differ by rounding, and so do invented examples and the head's optimum: by little more.
    """
    data = dataclasses.replace(tiny.recipe().data, test_fraction=0.5)
    techniques = (create("techniques/oversample", ratio=2.0), create("techniques/smote", neighbors=3))
    recipe = tiny.recipe(
        data=create("sources/long_tail", of=data, ratio=8), model=tiny.smooth_classifier(), techniques=techniques
    )
    one, two = (
        {v.name: v.numpy() for v in train(recipe, folder / name, strategy=name).graph.variables}
        for name in ("default", "mirrored")
    )
    head = {k for k in one if k.startswith("logits")}
    parts = ({k: w[k] for k in w if (k in head) == wanted} for wanted in (False, True) for w in (one, two))
    below_one, below_two, head_one, head_two = parts
    return {
        "backbone": tiny.largest_difference(below_one, below_two),
        "head": tiny.largest_difference(head_one, head_two),
        "head size": max(float(np.abs(w).max()) for w in head_one.values()),
    }


def main():
    """All comparisons."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = tf.distribute.get_strategy(), make_strategy("mirrored")
    arch, found = tiny.smooth_classifier(num_classes=10), {}
    for name, fields in OBJECTIVES.items():
        technique = create(f"techniques/{name}", **fields)
        found[name] = compared(one, two, arch.build, technique.objective(arch.loss, arch), tiny.sgd(0.02))
    with tempfile.TemporaryDirectory() as folder:
        found["train"] = trained_alike(pathlib.Path(folder))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
