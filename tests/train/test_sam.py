"""Sharpness-aware minimization against its equations, alone and with accumulation beside it."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from tests.train import steps, tiny
from tests.undrawn import train

RATE, RHO = 0.1, 0.3
SAM = create("techniques/sam", rho=RHO)


def gradient(graph):
    """Of the loss with its regularizer on the noise of the first step."""
    images, labels = steps.noise(steps.BATCH)
    with tf.GradientTape() as tape:
        raw = graph({"image": images}, training=True)
        loss = tf.reduce_mean(steps.objective({"logits": labels}, raw)["class"]) + tf.add_n(graph.losses or [0.0])
    return [g.numpy().astype(np.float64) for g in tape.gradient(loss, graph.trainable_variables)]


def test_a_step_is_that_of_equation_3():
    keras.utils.set_random_seed(0)
    graph = steps.plain()
    start = [v.numpy().astype(np.float64) for v in graph.trainable_variables]
    here = gradient(graph)
    norm = np.sqrt(sum((g**2).sum() for g in here))
    for variable, value, g in zip(graph.trainable_variables, start, here, strict=True):
        variable.assign(value + RHO * g / norm)  # equation 2
    there = gradient(graph)
    learner, _ = steps.stepped(steps.plain, tiny.sgd(RATE, momentum=0.0), 1, technique=SAM)
    seen = [v.numpy() for v in learner.graph.trainable_variables]
    for value, begun, near, far in zip(seen, start, here, there, strict=True):
        np.testing.assert_allclose(value, begun - RATE * far, atol=1e-6)
        assert np.abs(RATE * (far - near)).max() > 1e-4


def test_statistics_move_once_and_at_the_weights_themselves():
    """After one step they are those of plain descent, to the bit."""
    aware, _ = steps.stepped(steps.normalized, tiny.sgd(), 1, technique=SAM)
    other, before = steps.stepped(steps.normalized, tiny.sgd(), 1)
    ends = steps.weights(aware), steps.weights(other)
    names = [k for k in before if "moving" in k]
    assert len(names) == 4
    for name in names:
        np.testing.assert_array_equal(ends[0][name], ends[1][name])
        assert not np.array_equal(ends[0][name], before[name])


def test_weights_return_to_the_bit():
    learner, before = steps.stepped(steps.plain, tiny.sgd(1e-30, momentum=0.0), 1, technique=SAM)
    for array, start in zip(steps.weights(learner).values(), before.values(), strict=True):
        np.testing.assert_allclose(array, start, rtol=0, atol=1e-25)  # that much is the step; of floats, to the bit


def test_float16_steps_nearly_alike():
    mixed, before = steps.stepped(steps.plain, tiny.sgd(), 2, technique=SAM, dtype="float16")
    exact, _ = steps.stepped(steps.plain, tiny.sgd(), 2, technique=SAM)
    ends = steps.weights(mixed).values(), steps.weights(exact).values(), before.values()
    for a, b, start in zip(*ends, strict=True):
        assert np.linalg.norm(a - b) < 0.02 * np.linalg.norm(b - start)


def test_it_trains_with_accumulation_and_two_of_its_kind_are_refused(tmp_path):
    pair = (SAM, create("techniques/accumulate", steps=2))
    trained = train(tiny.recipe(techniques=pair, epochs=6), tmp_path / "run")
    assert trained.metrics["validation/accuracy"] > 0.3
    with pytest.raises(KerasVisionError, match="techniques/sam and techniques/sam both compute the gradients"):
        train(tiny.recipe(techniques=(SAM, SAM)), tmp_path / "twice")


def test_a_radius_of_nothing_is_refused():
    with pytest.raises(UsageError, match="sam.rho: got 0.0; allowed: above 0"):
        create("techniques/sam", rho=0.0)
