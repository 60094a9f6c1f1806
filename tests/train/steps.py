"""Steps of a `Learner` with one technique."""

import types

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.train.learner import Learner
from tests.train import tiny

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


def stepped(build, optimizer, steps, batch=BATCH, technique=None, dtype=None):
    """(learner after `steps` batches of different noise, weights before the first).

    optimizer: one of ours; dtype: of mixed precision.
    """
    keras.utils.set_random_seed(0)
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
    learner.fit(data, epochs=1, steps_per_epoch=steps, verbose=0)
    return learner, before


def weights(learner):
    """Variable name -> array."""
    return {v.name: v.numpy() for v in learner.graph.variables}


def driven(callback, graph, epochs, first=0, last=None, steps=4):
    """Moves every weight of the graph by noise where training would take its steps, and lets the callback of a
    technique do what it does around them. Of a phase of so many epochs, from epoch `first` on, to `last`.
    """
    callback.set_model(types.SimpleNamespace(graph=graph, projections=[]))
    callback.set_params({"steps": steps, "epochs": epochs})
    callback.on_train_begin()
    for epoch in range(first, epochs if last is None else last):
        callback.on_epoch_begin(epoch)
        for batch in range(steps):
            callback.on_train_batch_begin(batch)
            rng = np.random.default_rng([epoch, batch])
            for variable in graph.trainable_variables:
                variable.assign_add(rng.normal(0, 0.02, variable.shape))
            callback.on_train_batch_end(batch)
            callback.model.projections[-1]()
