"""What a step lets the graph see: changed by an observer, added to the targets, in the order of the techniques."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.train.learner import Learner
from tests.train import steps
from tests.train.scratch import Scratch

RATE, SIZE = 0.1, 0.25
IMAGES, LABELS = steps.noise(6)


def linear():
    """(graph of one linear layer, its kernel [192, 3], its bias [3])."""
    rng = np.random.default_rng(1)
    image = keras.Input((8, 8, 3), name="image")
    logits = keras.layers.Dense(3, name="logits")(keras.layers.Flatten()(image))
    graph = keras.Model({"image": image}, {"logits": logits})
    kernel, bias = rng.normal(0, 0.1, (192, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    graph.set_weights([kernel, bias])
    return graph, kernel, bias


def softmax_error(x, kernel, bias):
    """Softmax minus truth, [B, 3]: of the cross-entropy, the gradient by the logits."""
    exp = np.exp(x @ kernel + bias)
    return exp / exp.sum(1, keepdims=True) - LABELS


def one_step(graph, observers):
    """Weights after a step of plain gradient descent on the mean cross-entropy."""
    learner = Learner(graph, steps.objective, observers)
    learner.compile(optimizer=keras.optimizers.SGD(RATE))
    learner.train_on_batch({"image": IMAGES}, {"logits": LABELS})
    return graph.get_weights()


@pytest.mark.parametrize("size", [0.0, SIZE])
def test_a_step_of_the_gradient_s_sign_is_its_closed_form(size):
    """x' = x + size sign((softmax - y) W'), and the step is that of x': both derivatives by hand."""
    graph, kernel, bias = linear()
    observer = Scratch(size=size).observer(steps.ARCH, graph)
    assert (observer is None) == (size == 0)
    after = one_step(graph, [observer] if observer else [])
    x = IMAGES.reshape(6, -1).astype(np.float64)
    x += size * np.sign(softmax_error(x, kernel, bias) @ kernel.T)
    error = softmax_error(x, kernel, bias)
    np.testing.assert_allclose(after[0], kernel - RATE * x.T @ error / 6, atol=1e-6)
    np.testing.assert_allclose(after[1], bias - RATE * error.mean(0), atol=1e-6)


def test_observers_follow_one_another_and_may_add_to_the_targets_alone():
    """The second sees what the first made of the images; an answer without inputs leaves them as they are."""
    graph, kernel, bias = linear()
    seen = []

    def doubled(inputs, targets):
        return {"image": 2 * inputs["image"]}, targets

    def adding(inputs, targets):
        seen.append(tuple(targets))
        return targets | {"seen": inputs["image"]}

    def objective(targets, raw):
        same = tf.reduce_all(targets["seen"] == 2 * IMAGES)
        return {"class": steps.objective(targets, raw)["class"] * tf.where(same, 1.0, 0.0)}

    learner = Learner(graph, objective, [doubled, adding])
    learner.compile(optimizer=keras.optimizers.SGD(RATE))
    learner.train_on_batch({"image": IMAGES}, {"logits": LABELS})
    x = 2 * IMAGES.reshape(6, -1)
    error = softmax_error(x, kernel, bias)
    np.testing.assert_allclose(graph.get_weights()[0], kernel - RATE * x.T @ error / 6, atol=1e-6)
    assert seen and set(seen) == {("logits",)}


def test_it_is_known_by_its_name():
    assert create("techniques/scratch", size=SIZE) == Scratch(size=SIZE)
