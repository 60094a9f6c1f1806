"""The Learner's loss and gradient against a tape of their own; `train` keeps what it should."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.train.learner import Learner
from tests.train import tiny
from tests.train.replicas import Regularized

RATE = 0.1


def batch():
    """(inputs, targets) of eight digits that are noise."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(8, 8, 8, 3)).astype(np.float32)
    return {"image": images}, {"logits": np.eye(10, dtype=np.float32)[rng.integers(0, 10, 8)]}


def cross_entropy(logits, targets):
    """Mean over the examples, in float64."""
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(1)) - (shifted * targets).sum(1)))


def one_step(graph, loss):
    """The loss that one step of plain gradient descent reports."""
    learner = Learner(graph, loss)
    learner.compile(optimizer=keras.optimizers.SGD(RATE))
    return learner.train_on_batch(*batch(), return_dict=True)


def test_the_loss_is_the_mean_over_the_batch_plus_the_regularizers():
    keras.utils.set_random_seed(0)
    task = Regularized()
    graph = task.build()
    inputs, targets = batch()
    logits = graph(inputs, training=True)["logits"].numpy()
    kernels = [v.numpy().astype(np.float64) for v in graph.variables if v.name.endswith("conv/kernel:0")]
    penalty = sum(0.03 * (k**2).sum() for k in kernels) + 0.01 * np.abs(np.linspace(-1, 1, 10)).sum()
    seen = one_step(graph, task.arch.loss)["loss"]
    assert penalty > 0.1
    assert seen == pytest.approx(cross_entropy(logits, targets["logits"]) + penalty, rel=1e-5)


def test_a_step_follows_the_gradient_of_that_sum():
    keras.utils.set_random_seed(0)
    task = Regularized()
    graph = task.build()
    inputs, targets = batch()
    with tf.GradientTape() as tape:
        raw = graph(inputs, training=True)["logits"]
        total = tf.reduce_mean(keras.losses.categorical_crossentropy(targets["logits"], raw, from_logits=True))
        total += sum(0.03 * tf.reduce_sum(v**2) for v in graph.variables if v.name.endswith("conv/kernel:0"))
        total += 0.01 * tf.reduce_sum(tf.abs(graph.get_layer("logits").bias))
    before = [v.numpy() for v in graph.trainable_variables]
    gradients = tape.gradient(total, graph.trainable_variables)
    one_step(graph, task.arch.loss)
    for variable, old, gradient in zip(graph.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(variable.numpy(), old - RATE * gradient.numpy(), atol=1e-6, err_msg=variable.name)


def test_several_terms_are_summed_and_reported():
    keras.utils.set_random_seed(0)
    arch = tiny.smooth_classifier(num_classes=10)

    def two(targets, raw):
        return {"half": 0.5 * arch.loss(targets, raw)["cross_entropy"], "flat": tf.fill([8], 3.0)}

    seen = one_step(arch.build(), two)
    keras.utils.set_random_seed(0)
    alone = one_step(arch.build(), arch.loss)["loss"]
    assert seen["flat"] == pytest.approx(3.0)
    assert seen["half"] == pytest.approx(alone / 2, rel=1e-6)
    assert seen["loss"] == pytest.approx(alone / 2 + 3.0, rel=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_leaves_the_weights_alone(wrong):
    arch = tiny.smooth_classifier(num_classes=10)
    graph = arch.build()
    before = [v.numpy() for v in graph.trainable_variables]
    with pytest.raises(tf.errors.InvalidArgumentError, match="the loss"):
        one_step(graph, lambda targets, raw: {"wrong": raw["logits"][:, 0] * wrong})
    for variable, old in zip(graph.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)
