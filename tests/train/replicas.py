"""Run as a script, in a process of its own: compares one replica with two mirrored ones on two logical processors.

`python -m tests.train.replicas NAME ...` prints one JSON object, name -> largest difference. Not a test module: a
failed MirroredStrategy would break the collectives of every later test in the process.
"""

import dataclasses
import json
import pathlib
import sys
import tempfile

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.train.learner import Learner
from kerasvision.train.run import load_run
from kerasvision.train.strategy import make_strategy
from tests.train import tiny
from tests.undrawn import train

STEPS, BATCH = 8, 16


class Regularized:
    """An architecture's loss and a graph whose convolutions and logits have regularizers.

    synchronized: False for normalizations made by someone who never heard of replicas.
    """

    def __init__(self, synchronized=True):
        self.arch, self._synchronized = tiny.smooth_classifier(num_classes=10), synchronized

    def build(self):
        """The graph with an L2 penalty on every kernel and an L1 penalty on the logits' bias."""

        def penalized(layer):
            config = layer.get_config()
            if isinstance(layer, keras.layers.Conv2D):
                config["kernel_regularizer"] = keras.regularizers.L2(0.03)
            if isinstance(layer, keras.layers.Dense):
                config["bias_regularizer"] = keras.regularizers.L1(0.01)
            if isinstance(layer, keras.layers.BatchNormalization) and not self._synchronized:
                config["synchronized"] = False
            return type(layer).from_config(config)

        graph = keras.models.clone_model(self.arch.build(), clone_function=penalized)
        graph.get_layer("logits").bias.assign(np.linspace(-1, 1, 10))
        return graph


def fitted(strategy, build, loss, optimizer, factors=None, steps=STEPS, batch=BATCH):
    """(losses of each step, weights by name) after some steps; factors: layer name -> of the learning rate."""
    keras.utils.set_random_seed(0)
    replicas = strategy.num_replicas_in_sync
    arch, split = tiny.smooth_classifier(num_classes=10), tiny.recipe().data.open().splits["train"]
    with strategy.scope():
        graph = build()
        refs = {w.ref(): [f] for n, f in (factors or {}).items() for w in graph.get_layer(n).trainable_weights}
        made = optimizer.make(steps, refs)
        learner = Learner(graph, loss)
        learner.compile(optimizer=made)
        made.build(learner.trained_variables)

    def data(context=None):
        return training_data(split, arch, Phase(1, optimizer), batch_size=batch // replicas, seed=0)

    stream = data() if replicas == 1 else strategy.distribute_datasets_from_function(data)
    history = learner.fit(stream, epochs=steps, steps_per_epoch=1, verbose=0).history["loss"]
    apart = (
        max(float(np.abs(v.values[0] - v.values[1]).max()) for v in graph.trainable_variables) if replicas > 1 else 0
    )
    return np.array(history), {v.name: v.numpy() for v in graph.variables}, apart


def compared(one, two, build, loss, optimizer, factors=None):
    """name -> difference, between the strategies and between the replicas of the second."""
    first, second = (fitted(s, build, loss, optimizer, factors) for s in (one, two))
    return {
        "loss": float(np.abs(first[0] - second[0]).max()),
        "weights": tiny.largest_difference(first[1], second[1]),
        "between replicas": second[2],
        "moved": max(float(np.abs(first[1][k] - fresh).max()) for k, fresh in initial(build).items()),
    }


def initial(build):
    """Weights by name before the first step."""
    keras.utils.set_random_seed(0)
    return {v.name: v.numpy() for v in build().variables}


def trained_alike(folder):
    """`train` itself: eight steps and their average on one replica and on two, then qat with a frozen backbone on two.

    name -> the weights' difference after the first phase, the difference between the model that `train` returns and
    the run it wrote.
    """
    frozen_qat = Phase(1, tiny.sgd(0.005), (), (create("techniques/freeze"), create("techniques/qat")))
    recipe = tiny.recipe(model=tiny.smooth_classifier(), techniques=(create("techniques/ema", decay=0.9),))
    train(recipe, folder / "one")
    trained = train(dataclasses.replace(recipe, then=(frozen_qat,)), folder / "two", strategy="mirrored")
    one, two = (tiny.weights(folder / f / "phase-1" / "best.weights.h5") for f in ("one", "two"))
    loaded = load_run(folder / "two")
    image = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    answers = [t.served().serve({"image": image})["probabilities"].numpy() for t in (trained, loaded)]
    after = {v.name: v.numpy() for v in loaded.graph.variables}
    kept = {k: v for k, v in two.items() if k.startswith("backbone_")}
    return {
        "weights": tiny.largest_difference(one, two),
        "loaded": float(np.abs(answers[0] - answers[1]).max()),
        "frozen": tiny.largest_difference({k: after[k] for k in kept}, kept),
        "learned": float(np.abs(after["logits/kernel:0"] - two["logits/kernel:0"]).max()),
    }


def dense_norms():
    """The same network, its normalizations made by someone who never heard of replicas."""

    def plain(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["synchronized"] = False
        return type(layer).from_config(config)

    return keras.models.clone_model(tiny.smooth_classifier(num_classes=10).build(), clone_function=plain)


def main(*names):
    """All comparisons of these names."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = tf.distribute.get_strategy(), make_strategy("mirrored")
    arch, regularized, both = tiny.smooth_classifier(num_classes=10), Regularized(), Regularized(synchronized=False)
    adamw = create("optimizers/adamw", learning_rate=1e-3, weight_decay=0.1, clip_norm=0.5, warmup=0.0)
    factors, slow = {"backbone_c0_conv": 0.25, "logits": 0.5, "backbone_c0_bn": 0.0}, tiny.sgd(0.02, momentum=0.0)
    comparisons = {
        "sgd": lambda: compared(one, two, arch.build, arch.loss, tiny.sgd()),
        "regularized": lambda: compared(one, two, regularized.build, arch.loss, slow),
        "plain norms": lambda: compared(one, two, dense_norms, arch.loss, tiny.sgd()),
        "regularized and plain norms": lambda: compared(one, two, both.build, arch.loss, slow),
        "factors": lambda: compared(one, two, arch.build, arch.loss, adamw, factors),
    }
    found = {name: comparisons[name]() for name in names}
    with tempfile.TemporaryDirectory() as folder:
        found["train"] = trained_alike(pathlib.Path(folder))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
