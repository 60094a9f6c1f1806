"""LARS against lightly 1.6.0's and against numpy, with what it leaves out."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.train.optim import with_rate

HELD = dict(np.load(pathlib.Path(__file__).parents[1] / "goldens" / "lars.npz"))
RATE, MOMENTUM, DECAY, TRUST = 0.4, 0.9, 0.05, 0.02  # of `goldens/make_lars.py`


def lars(**fields):
    given = {"learning_rate": RATE, "momentum": MOMENTUM, "weight_decay": DECAY, "trust": TRUST}
    return create("optimizers/lars", **given | {"schedule": "constant", "warmup": 0.0} | fields)


def stepped(made, weights, gradients):
    """name -> the variable after each step. weights: name -> array; gradients: name -> [steps, ...]."""
    variables = {name: tf.Variable(np.float32(value), name=f"layer/{name}") for name, value in weights.items()}
    seen = {name: [] for name in weights}
    for step in range(len(next(iter(gradients.values())))):
        made.apply_gradients([(tf.constant(np.float32(gradients[name][step])), v) for name, v in variables.items()])
        for name, variable in variables.items():
            seen[name].append(variable.numpy())
    return {name: np.array(values) for name, values in seen.items()}


def held(*names):
    return {name: HELD[name] for name in names}, {name: HELD[f"{name}_gradients"] for name in names}


def test_steps_are_those_of_the_peer():
    """Of a kernel by its size, of a bias as of plain momentum, which is lightly's group without decay."""
    for name, values in stepped(lars().make(9, {}), *held("kernel", "bias")).items():
        np.testing.assert_allclose(values, HELD[f"{name}_after"], rtol=1e-5, atol=1e-6)


def by_numpy(weight, gradients, rates, adapts):
    """You, Gitman and Ginsburg's algorithm 1."""
    velocity, seen = 0.0, []
    for gradient, rate in zip(gradients, rates, strict=True):
        if adapts:
            size = np.linalg.norm(weight)
            local = TRUST * size / (np.linalg.norm(gradient) + DECAY * size)
            gradient = local * (gradient + DECAY * weight)
        velocity = MOMENTUM * velocity + rate * gradient
        weight = weight - velocity
        seen.append(weight)
    return np.array(seen)


@pytest.mark.parametrize("name", ["kernel", "gamma", "beta", "bias"])
def test_rates_that_rise_are_within_the_momentum(name):
    """Where the peer multiplies by the latest rate, the paper's velocity keeps each step's own."""
    weights, gradients = {name: HELD["kernel"]}, {name: HELD["kernel_gradients"]}
    found = stepped(lars(warmup=1 - 1e-9).make(4, {}), weights, gradients)[name]
    expected = by_numpy(HELD["kernel"], HELD["kernel_gradients"], RATE * np.arange(1, 5) / 4, name == "kernel")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("nothing", ["weight", "gradient"])
def test_what_is_zero_takes_plain_steps(nothing):
    weight = HELD["kernel"] * (nothing != "weight")
    gradients = HELD["kernel_gradients"][:1] * (nothing != "gradient")
    found = stepped(lars().make(9, {}), {"kernel": weight}, {"kernel": gradients})["kernel"]
    np.testing.assert_allclose(found[0], weight - RATE * gradients[0], rtol=1e-5, atol=1e-6)


def test_factors_rates_and_clipping_are_those_of_every_optimizer():
    kernel, gradients = HELD["kernel"], HELD["kernel_gradients"][:1]
    whole = by_numpy(kernel, gradients, [RATE], True)[0] - kernel
    variable = tf.Variable(np.float32(kernel), name="layer/kernel")
    lars().make(9, {variable.ref(): [0.25]}).apply_gradients([(tf.constant(np.float32(gradients[0])), variable)])
    np.testing.assert_allclose(variable.numpy() - kernel, 0.25 * whole, rtol=1e-4, atol=1e-6)
    other = with_rate(lars().make(9, {}), 0.5 * RATE)
    found = stepped(other, {"kernel": kernel}, {"kernel": gradients})["kernel"][0]
    np.testing.assert_allclose(found - kernel, 0.5 * whole, rtol=1e-4, atol=1e-6)
    clipped = lars(clip_norm=1e-3).make(9, {})
    found = stepped(clipped, {"bias": kernel}, {"bias": gradients})["bias"][0]
    assert np.linalg.norm(found - kernel) == pytest.approx(RATE * 1e-3, rel=1e-3)
    assert lars().for_batch(512).learning_rate == RATE * 2 and lars(base_batch=512).for_batch(512) != lars()


def test_a_graph_learns_with_it():
    x = keras.Input((2,))
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.BatchNormalization()(x)))
    model.compile(lars(trust=0.1).make(60, {}), "mse")
    rows = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    history = model.fit(rows, rows @ [[1.0], [-2.0]], 64, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"trust": 0.0}, "optimizer.trust: got 0; allowed: above 0"),
        ({"momentum": 1.0}, "optimizer.momentum: got 1; allowed: 0 to less than 1"),
        ({"weight_decay": -0.1}, "optimizer.weight_decay: got -0.1"),
    ],
)
def test_settings_that_cannot_step_are_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        lars(**fields)
