"""Teachers and queues as variables of the learner, against numpy step by step, and through a restart."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.tasks.base import AVERAGED, QUEUED
from kerasvision.train.learner import Learner
from tests.train import tiny
from tests.undrawn import train

RATE, STEPS, PICTURES, SIZE = 0.1, 3, 4, 3
RNG = np.random.default_rng(0)
BATCHES = RNG.normal(size=(STEPS, 2 * PICTURES, 6)).astype(np.float32)


def linear(predictor):
    """A projection of six numbers by one matrix, and a prediction of it by another."""
    rows = keras.Input((6,), name="rows")
    projection = keras.layers.Dense(SIZE, use_bias=False, name="projector")(rows)
    heads = {"projection": projection}
    if predictor:
        heads["prediction"] = keras.layers.Dense(SIZE, use_bias=False, name="predictor")(projection)
    graph = keras.Model({"rows": rows}, heads)
    graph.set_weights([RNG.normal(size=w.shape).astype(np.float32) for w in graph.get_weights()])
    return graph


def trained(name, graph, techniques, **fields):
    """Weights after each step, and what each step's targets had become."""
    arch = create(f"self_supervised/{name}", image_size=(8, 8), **fields)
    observers = [o for t in techniques if (o := t.observer(arch, graph)) is not None]
    seen, weights = [], [graph.get_weights()]

    def objective(targets, raw):
        tf.py_function(lambda *held: seen.append([h.numpy() for h in held]), list(targets.values()), [])
        return arch.loss(targets, raw)

    learner = Learner(graph, objective, observers)
    learner.compile(optimizer=keras.optimizers.SGD(RATE), run_eagerly=True)
    data = tf.data.Dataset.from_tensor_slices(({"rows": BATCHES}, {"label": np.zeros((STEPS, 2 * PICTURES))}))

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights.append(graph.get_weights())

    callbacks = [Keep(), *(c for t in techniques for c in t.callbacks())]
    learner.fit(data, callbacks=callbacks, verbose=0)
    return learner, weights, seen


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def by_direction(v, gradient):
    """The gradient by v of a function of v / |v|, whose gradient by that is given."""
    u = unit(v)
    return (gradient - (gradient * u).sum(-1, keepdims=True) * u) / np.linalg.norm(v, axis=-1, keepdims=True)


def swapped(rows):
    return rows.reshape(-1, 2, rows.shape[-1])[:, ::-1].reshape(rows.shape)


def momentum_after(step, momentum, final):
    """Grill et al. 2020, section 3.2: 1 - (1 - m) (cos(pi k / K) + 1) / 2, for `final` in place of 1."""
    return final - (final - momentum) * (np.cos(np.pi * step / STEPS) + 1) / 2


def test_byol_step_by_step_is_numpy_s():
    """The gradient of 2 - 2 cos by hand, gradient descent, then the average with its rising momentum."""
    graph = linear(predictor=True)
    projector, predictor = (w.astype(np.float64) for w in graph.get_weights())
    average, teacher = projector.copy(), create("techniques/momentum_teacher", momentum=0.5, final=0.9)
    learner, weights, seen = trained("byol", graph, [teacher], predictor=SIZE)
    for step, rows in enumerate(BATCHES.astype(np.float64)):
        z = rows @ projector
        p, answers = z @ predictor, swapped(rows @ average)
        np.testing.assert_allclose(seen[step][1], rows @ average, rtol=1e-4, atol=1e-5)
        by_p = by_direction(p, -2 * unit(answers)) / len(rows)
        predictor, projector = predictor - RATE * z.T @ by_p, projector - RATE * rows.T @ (by_p @ predictor.T)
        np.testing.assert_allclose(weights[step + 1][0], projector, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(weights[step + 1][1], predictor, rtol=1e-4, atol=1e-5)
        kept = momentum_after(step, 0.5, 0.9)
        average = kept * average + (1 - kept) * projector
    (held,) = learner.observers
    np.testing.assert_allclose(held.graph.get_weights()[0], average, rtol=1e-4, atol=1e-5)
    assert len(held.variables) == len(learner.observer_variables) == 3 and int(held.steps) == STEPS


def test_moco_step_by_step_is_numpy_s():
    """InfoNCE of both views against the queue before the batch, its gradient by hand, and first in, first out."""
    graph, size = linear(predictor=False), 4 * PICTURES
    projector = graph.get_weights()[0].astype(np.float64)
    average = projector.copy()
    parts = [create("techniques/momentum_teacher", momentum=0.5), create("techniques/queue", size=size)]
    queue = parts[1].observer(None, graph).rows.numpy().astype(np.float64)  # begins alike each time
    np.testing.assert_allclose(np.linalg.norm(queue, axis=1), 1, rtol=1e-5)
    learner, weights, seen = trained("moco", graph, parts, temperature=0.5)
    for step, rows in enumerate(BATCHES.astype(np.float64)):
        q, answers = rows @ projector, rows @ average
        np.testing.assert_allclose(seen[step][2], queue, rtol=1e-4, atol=1e-5)
        keys = unit(swapped(answers))
        scores = np.concatenate([(unit(q) * keys).sum(1, keepdims=True), unit(q) @ unit(queue).T], 1) / 0.5
        shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        shares[:, 0] -= 1
        by_unit = (shares[:, :1] * keys + shares[:, 1:] @ unit(queue)) / 0.5
        projector = projector - RATE * rows.T @ by_direction(q, by_unit) / len(rows)
        np.testing.assert_allclose(weights[step + 1][0], projector, rtol=1e-4, atol=1e-5)
        queue = np.concatenate([answers, queue])[:size]
        kept = momentum_after(step, 0.5, 1.0)
        average = kept * average + (1 - kept) * projector
    np.testing.assert_allclose(learner.observers[1].rows, queue, rtol=1e-4, atol=1e-5)


def test_centering_takes_off_the_mean_of_earlier_batches():
    """Caron et al. 2021, equation 4: c becomes m c + (1 - m) mean, after it was taken off."""
    center = create("techniques/centering", momentum=0.75).observer(None, linear(predictor=False))
    held = np.zeros(SIZE)
    for rows in BATCHES[:, :, :SIZE]:
        found = center({}, {AVERAGED + "projection": tf.constant(rows), "label": 0})
        np.testing.assert_allclose(found[AVERAGED + "projection"], rows - held, rtol=1e-5, atol=1e-6)
        held = 0.75 * held + 0.25 * rows.mean(0)
    np.testing.assert_allclose(center.center, held, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("momentum_teacher", {"momentum": 1.1}, "allowed: 0 to 1"),
        ("momentum_teacher", {"momentum": 0.9, "final": 0.8}, "not below the first"),
        ("queue", {"size": 0}, "allowed: 1 or more"),
        ("centering", {"momentum": 1.0}, "less than 1"),
    ],
)
def test_settings_that_make_no_average_are_refused(name, fields, said):
    with pytest.raises(UsageError, match=said):
        create(f"techniques/{name}", **fields)


def test_what_needs_a_teacher_says_so():
    graph = linear(predictor=False)
    for name in ("queue", "centering"):
        observer = create(f"techniques/{name}").observer(None, graph)
        with pytest.raises(UsageError, match="put techniques/momentum_teacher before it"):
            observer({}, {"label": 0})
        with pytest.raises(UsageError, match="the model has projection"):
            create(f"techniques/{name}", key="logits").observer(None, graph)
    answers = {AVERAGED + "projection": tf.zeros([8, SIZE])}
    with pytest.raises(UsageError, match="set a multiple of 8"):
        create("techniques/queue", size=12).observer(None, graph)({}, answers)
    found = create("techniques/queue", size=16).observer(None, graph)({}, answers)
    assert found[QUEUED].shape == (16, SIZE)


def recipe(epochs, *more):
    model = create(
        "self_supervised/moco",
        image_size=(8, 8),
        backbone=create("backbones/convnet", width=4, blocks=(1, 1)),
        projector=(8, 4),
    )
    parts = create("techniques/momentum_teacher", momentum=0.9), create("techniques/queue", size=64)
    return Recipe(
        name="moco",
        model=model,
        data=create("sources/digits", validation_fraction=0.05, test_fraction=0.9),
        augment=(create("augmentations/geometric/affine", degrees=10.0),),
        techniques=(*parts, *more),
        optimizer=tiny.sgd(),
        epochs=epochs,
        batch_size=16,
    )


class Interrupted(keras.callbacks.Callback):
    """Ends the process's training as Ctrl-C does, before the second epoch's third step."""

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self._epoch, batch) == (1, 2):
            raise KeyboardInterrupt


@pytest.mark.nightly
def test_a_run_that_was_ended_goes_on_with_its_teacher_and_queue(tmp_path):
    whole = train(recipe(2), tmp_path / "whole")
    with pytest.raises(KerasVisionError, match="--resume"):
        train(recipe(2), tmp_path / "ended", watchers=(Interrupted(),))
    resumed = train(recipe(2), tmp_path / "ended", resume=True)
    for a, b in zip(whole.graph.get_weights(), resumed.graph.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert whole.metrics["validation/knn"] == resumed.metrics["validation/knn"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"augment": ()}, "all of them are equal"),
        ({"techniques": ()}, "needs techniques/momentum_teacher"),
        ({"batch_size": 1}, "allowed: 2 or more"),
        ({"batch_size": 24}, "set a multiple of 48"),
    ],
)
def test_a_phase_that_teaches_nothing_is_refused_before_it_begins(fields, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        train(dataclasses.replace(recipe(1), **fields), tmp_path / "run")
