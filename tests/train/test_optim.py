"""Schedules against their formulas, steps against numpy, weight decay where it belongs."""

import csv
import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.train.fit import train
from kerasvision.train.optim import WarmupSchedule
from tests.train import tiny

STEPS, WARMUP, PEAK = 200, 20, 0.3


def rates(schedule, warmup=WARMUP, steps=STEPS):
    made = WarmupSchedule(PEAK, schedule, steps, warmup)
    return np.array([float(made(tf.constant(s, tf.int64))) for s in range(steps + 10)])


def test_the_rate_rises_linearly_and_reaches_the_peak_with_the_last_step_of_warm_up():
    for schedule in ("constant", "cosine", "step"):
        expected = PEAK * np.arange(1, WARMUP + 1) / WARMUP
        np.testing.assert_allclose(rates(schedule)[:WARMUP], expected, rtol=1e-6)


def test_cosine_follows_loshchilov_and_hutter():
    """arXiv:1608.03983, equation 5, with a minimum of 0 and one period; 0 beyond the end."""
    expected = [PEAK * 0.5 * (1 + math.cos(math.pi * t / (STEPS - WARMUP))) for t in range(STEPS - WARMUP)]
    np.testing.assert_allclose(rates("cosine")[WARMUP:STEPS], expected, rtol=1e-5, atol=1e-8)
    assert rates("cosine")[STEPS:].max() < 1e-8


def test_step_divides_by_ten_at_60_and_85_percent():
    seen = rates("step", warmup=0)
    expected = [PEAK if s < 120 else PEAK / 10 if s < 170 else PEAK / 100 for s in range(STEPS)]
    np.testing.assert_allclose(seen[:STEPS], expected, rtol=1e-6)


def test_constant_is_constant():
    np.testing.assert_allclose(rates("constant", warmup=0), PEAK, rtol=1e-7)


def test_warm_up_is_a_fraction_of_all_steps():
    made = create("optimizers/sgd", learning_rate=1.0, schedule="constant", warmup=0.1).make(50, {})
    made.build([tf.Variable([1.0])])
    seen = []
    for _ in range(7):
        made.apply_gradients([])  # nothing to apply: the rate is set all the same
        seen.append(float(made.learning_rate))
        made.iterations.assign_add(1)
    np.testing.assert_allclose(seen, [0.2, 0.4, 0.6, 0.8, 1, 1, 1], rtol=1e-6)


def layers():
    """A kernel and a bias, gamma and beta, and layers whose names look like theirs; all weights are 1."""
    x = keras.Input((4, 4, 3))
    y = keras.layers.Conv2D(2, 1, name="unbiased_gamma")(x)
    y = keras.layers.BatchNormalization(name="norm")(y)
    y = keras.layers.Dense(2, name="beta_head")(y)
    model = keras.Model(x, y)
    for variable in model.trainable_variables:
        variable.assign(tf.ones_like(variable))
    return model


DECAYED = {"unbiased_gamma/kernel:0", "beta_head/kernel:0"}


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decay_leaves_biases_and_norms_alone(name):
    model = layers()
    made = create(f"optimizers/{name}", learning_rate=0.5, weight_decay=0.2, schedule="constant", warmup=0.0).make(
        9, {}
    )
    made.apply_gradients([(tf.zeros_like(v), v) for v in model.trainable_variables])
    for variable in model.trainable_variables:
        expected = 1 - 0.5 * 0.2 if variable.name in DECAYED else 1.0
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6, err_msg=variable.name)


def nesterov(gradients, rate, momentum):
    """Sutskever et al. 2013 in Keras's form: the sum of updates over gradients of one weight."""
    velocity = total = 0.0
    for g in gradients:
        velocity = momentum * velocity - rate * g
        total += momentum * velocity - rate * g
    return total


def adamw(weight, gradients, rate, decay):
    """Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2, beta 0.9 and 0.999, epsilon 1e-7 as in Keras."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        weight -= rate * decay * weight
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        corrected = rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)  # Kingma and Ba's efficient order, section 2
        weight -= corrected * m / (math.sqrt(v) + 1e-7)
    return weight


def stepped(optimizer, gradients, factor=None):
    """A weight, once 2, after steps with these gradients. factor: given as two, one of which is known in a step."""
    variable = tf.Variable([[2.0]], name="layer/kernel")
    made = optimizer.make(100, {variable.ref(): [2 * factor, lambda: tf.constant(0.5)]} if factor is not None else {})
    for g in gradients:
        made.apply_gradients([(tf.constant([[g]]), variable)])
    return float(variable.numpy()[0, 0])


GRADIENTS = (0.5, -0.25, 1.5, 0.75)


@pytest.mark.parametrize("factor", [None, 1.0, 0.5, 0.125, 0.0])
def test_sgd_with_a_factor_is_sgd_at_that_rate(factor):
    optimizer = create("optimizers/sgd", learning_rate=0.1, momentum=0.9, schedule="constant", warmup=0.0)
    expected = 2 + nesterov(GRADIENTS, 0.1 * (1.0 if factor is None else factor), 0.9)
    assert stepped(optimizer, GRADIENTS, factor) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("factor", [None, 1.0, 0.5, 0.125, 0.0])
def test_adamw_with_a_factor_is_adamw_at_that_rate(factor):
    optimizer = create("optimizers/adamw", learning_rate=0.1, weight_decay=0.3, schedule="constant", warmup=0.0)
    expected = adamw(2.0, GRADIENTS, 0.1 * (1.0 if factor is None else factor), 0.3)
    assert stepped(optimizer, GRADIENTS, factor) == pytest.approx(expected, rel=1e-5)


def test_clip_norm_bounds_the_norm_over_all_variables():
    a, b = tf.Variable([0.0]), tf.Variable([0.0])
    made = create("optimizers/sgd", learning_rate=1.0, momentum=0.0, schedule="constant", warmup=0.0, clip_norm=1.0)
    made.make(9, {}).apply_gradients([(tf.constant([3.0]), a), (tf.constant([4.0]), b)])
    np.testing.assert_allclose([a.numpy()[0], b.numpy()[0]], [-0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"warmup": 1.0}, {"warmup": -0.1}, {"learning_rate": 0.0}, {"learning_rate": -1.0}, {"clip_norm": 0.0}]
)
def test_impossible_fields_are_named(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong)) + ".*got.*allowed"):
        create("optimizers/adamw", **wrong)
    with pytest.raises(UsageError, match="schedule.*'constant', 'cosine', 'step'"):
        create("optimizers/sgd", schedule="exponential")


@pytest.mark.parametrize(("rule", "expected"), [("none", 0.1), ("linear", 0.4), ("square_root", 0.2)])
def test_another_batch_makes_another_rate(rule, expected):
    made = create("optimizers/sgd", learning_rate=0.1, batch_scaling=rule, base_batch=64).for_batch(256)
    assert made.learning_rate == pytest.approx(expected)


def test_training_scales_by_the_examples_of_an_update(tmp_path):
    """Two accumulated batches of 16 are one of 32, for the rate too."""
    held = {"learning_rate": 0.1, "schedule": "constant", "warmup": 0.0}
    optimizer = create("optimizers/sgd", batch_scaling="linear", base_batch=16, **held)
    techniques = (create("techniques/accumulate", steps=2),)
    train(tiny.recipe(optimizer=optimizer, techniques=techniques), tmp_path / "run")
    rows = list(csv.DictReader((tmp_path / "run" / "history.csv").open()))
    assert float(rows[0]["learning_rate"]) == pytest.approx(0.2)
    with pytest.raises(UsageError, match=r"base_batch: got 0; allowed: 1 or more"):
        create("optimizers/sgd", base_batch=0)
