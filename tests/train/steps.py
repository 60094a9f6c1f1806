"""Steps of a `Learner` with one technique. As a script, in a process of its own: one replica against two mirrored ones.

Prints one JSON object, technique -> largest difference of the weights.
"""

import json

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.train.learner import Learner
from kerasvision.train.strategy import make_strategy
from tests.train import scratch, tiny

BATCH = 8
ARCH = tiny.smooth_classifier(num_classes=3)


def plain():
    """A smooth graph without batch normalization: every example counts by itself."""
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, 2, activation="swish", kernel_regularizer=keras.regularizers.L2(0.01))(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model({"image": image}, {"logits": keras.layers.Dense(3, name="logits")(x)})


def normalized():
    """The tests' smooth network, with batch normalization."""
    return ARCH.build()


def objective(targets, raw):
    """Cross-entropy of each example."""
    return {"class": keras.losses.categorical_crossentropy(targets["logits"], raw["logits"], from_logits=True)}


def noise(count):
    """`count` examples: images [count, 8, 8, 3] and one-hot targets [count, 3]."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(count, 8, 8, 3)).astype(np.float32)
    return images, np.eye(3, dtype=np.float32)[rng.integers(0, 3, count)]


def stepped(build, optimizer, steps, batch=BATCH, technique=None, strategy=None, dtype=None):
    """(learner after `steps` batches of different noise, weights before the first).

    optimizer: one of ours; dtype: of mixed precision.
    """
    strategy = strategy or tf.distribute.get_strategy()
    keras.utils.set_random_seed(0)
    with strategy.scope():
        graph = build()
        if dtype:
            graph = create("techniques/mixed_precision", dtype=dtype).graph(None, graph)
        own_step = technique.around_step(ARCH, graph) if technique else None
        observer = technique.observer(ARCH, graph) if technique else None
        learner = Learner(graph, objective, [observer] if observer else [], own_step)
        updates = technique.updates(steps) if technique else steps
        made = optimizer.make(updates, {})
        if dtype == "float16":
            made = keras.mixed_precision.LossScaleOptimizer(made)
        made = technique.optimizer(made) if technique else made
        learner.compile(optimizer=made)
        made.build(learner.trained_variables)
    images, labels = noise(steps * batch)
    data = tf.data.Dataset.from_tensor_slices(({"image": images}, {"logits": labels})).batch(batch, drop_remainder=True)
    before = {v.name: v.numpy() for v in graph.variables}
    learner.fit(strategy.experimental_distribute_dataset(data), epochs=1, steps_per_epoch=steps, verbose=0)
    return learner, before


def weights(learner):
    """Variable name -> array."""
    return {v.name: v.numpy() for v in learner.graph.variables}


def main():
    """Every comparison."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = tf.distribute.get_strategy(), make_strategy("mirrored")
    adamw = create("optimizers/adamw", learning_rate=1e-3, weight_decay=0.1, clip_norm=0.5)
    cases = {
        "accumulate": (normalized, adamw, create("techniques/accumulate", steps=3), None),
        "accumulate float16": (plain, tiny.sgd(), create("techniques/accumulate", steps=3), "float16"),
        "sam": (normalized, tiny.sgd(), create("techniques/sam", rho=0.5), None),
        "adversary": (plain, tiny.sgd(), scratch.Scratch(size=0.5), None),
    }
    found = {}
    for name, (build, optimizer, technique, dtype) in cases.items():
        ends = [stepped(build, optimizer, 6, technique=technique, strategy=s, dtype=dtype) for s in (one, two)]
        first, second = (weights(learner) for learner, _ in ends)
        pairs = list(zip(first.values(), second.values(), strict=True))  # Keras numbers layers without a name
        fresh = list(ends[0][1].values())
        found[name] = {
            "apart": max(float(np.abs(a - b).max()) for a, b in pairs),
            "moved": max(float(np.abs(a - b).max()) for a, b in zip(first.values(), fresh, strict=True)),
            "updates": int(getattr(ends[1][0].optimizer, "inner", ends[1][0].optimizer).iterations.numpy()),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
