"""A program, not a test: trains architectures on one replica and on two, and prints how far apart they end.

`python -m tests.contract.replicas FOLDER NAME ...` -> JSON, {name: {"apart": largest difference of a weight that is
trained, "statistics": of another, "moved": largest change}}.
In a process of its own, because TensorFlow wants its logical devices before anything else, and a mirrored run that
failed breaks later ones.
"""

import dataclasses
import functools
import json
import pathlib
import sys

import numpy as np
import tensorflow as tf

from kerasvision.core.registry import architectures, create, sources
from kerasvision.train import fit
from tests.contract import contracts, toys
from tests.contract.cases import CASES, CaseSamples

STEPS = 4


def main(folder, *names):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # a second MirroredStrategy in one process takes the first one's collective keys and fails
    fit.make_strategy = functools.cache(fit.make_strategy)
    sources.register("contract_case")(CaseSamples)
    for name, toy in toys.TOYS.items():
        architectures.register(name)(toy)
    return {name: compare(name, pathlib.Path(folder)) for name in names}


def compare(name, folder):
    """Weights after the same steps on the same examples, batch normalization's statistics included."""
    case = CASES[name]
    sgd = create("optimizers/sgd", learning_rate=case.sgd_rate, schedule="constant", warmup=0.0)
    recipe = contracts.recipe_of(name, case.make(), epochs=STEPS)
    recipe = dataclasses.replace(recipe, optimizer=sgd)
    graphs = [
        fit.train(recipe, folder / recipe.name / strategy, strategy).graph for strategy in ("default", "mirrored")
    ]
    fresh = contracts.built(recipe.model, seed=recipe.seed)
    trained = [[w.numpy() for w in graph.trainable_weights] for graph in (*graphs, fresh)]
    statistics = [[w.numpy() for w in graph.non_trainable_weights] for graph in graphs]
    return {"apart": apart(*trained[:2]), "statistics": apart(*statistics), "moved": apart(trained[0], trained[2])}


def apart(some, others):
    """The largest difference of two lists of arrays, relative for values above 1, whose last bit is worth more."""
    pairs = zip(some, others, strict=True)
    return max((float((np.abs(a - b) / np.maximum(1, np.abs(a))).max()) for a, b in pairs), default=0.0)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
