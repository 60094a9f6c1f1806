"""Tolerances are drawn from the trained graph's own arithmetic, and hold what they promise."""

import dataclasses
import json
import os
import subprocess
import sys
import typing

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.export import rounding
from kerasvision.export.rounding import Rounding, moved_weights, terms, weight_error


def test_terms_of_a_dot_product_are_counted_from_the_weight():
    assert terms("conv/kernel:0", (3, 3, 3, 8)) == 27
    assert terms("depthwise_conv2d/depthwise_kernel:0", (5, 5, 8, 2)) == 25
    assert terms("separable/pointwise_kernel:0", (1, 1, 16, 7)) == 16
    assert terms("dense/kernel:0", (7, 10)) == 7
    assert terms("conv/bias:0", (8,)) == terms("quant_conv/kernel_min:0", ()) == 1


def test_weights_move_by_what_their_arithmetic_says_and_come_back():
    """By hand: 8 sqrt(2 * 27) / 2^24 for float32; four half units of float16's ten bits of fraction."""
    assert weight_error("conv/kernel:0", (3, 3, 3, 8), "float32") == pytest.approx(8 * np.sqrt(54) / 2**24)
    assert weight_error("conv/kernel:0", (3, 3, 3, 8), "float16") == 4 * 2.0**-11
    values = np.random.default_rng(0).normal(size=(3, 3, 3, 8)).astype(np.float32)
    weight, step = tf.Variable(values, name="conv/kernel"), tf.Variable(7)
    with moved_weights([weight, step], "float16", seed=0):
        apart = np.abs(weight.numpy() / values - 1)
        np.testing.assert_allclose(apart, 4 * 2.0**-11, rtol=1e-3)
        assert 0.3 < (weight.numpy() > values).mean() < 0.7 and int(step) == 7
    np.testing.assert_array_equal(weight.numpy(), values)
    with pytest.raises(KeyError), moved_weights([weight], "float32", seed=0):
        raise KeyError
    np.testing.assert_array_equal(weight.numpy(), values)


@dataclasses.dataclass
class OneLayer:
    """As much of `Served` as `Rounding` looks at: y = x @ w, compared by its largest difference."""

    weight: typing.Any

    @property
    def weights(self):
        return [self.weight]

    @property
    def arch(self):
        return self

    def judge(self, inputs):
        return {"y": tf.constant(inputs["x"]) @ self.weight}

    def compare(self, reference, other):
        apart = np.abs(reference["y"].astype(np.float64) - other["y"]).max(1)
        return apart, apart > 1.0


def examples(x):
    return [{"x": row[None]} for row in x]


@pytest.mark.parametrize("terms_added", [16, 256, 4096])
def test_float32_summed_in_another_order_stays_below_the_bound(terms_added):
    """Term by term, the worst order there is, against float64; and the bound is no more than 500 times too wide."""
    rng = np.random.default_rng(terms_added)
    x = rng.normal(size=(50, terms_added)).astype(np.float32)
    w = (rng.normal(size=(terms_added, 10)) / np.sqrt(terms_added)).astype(np.float32)
    one_by_one = np.zeros((50, 10), np.float32)
    for k in range(terms_added):
        one_by_one += x[:, k : k + 1] * w[k]
    error = np.abs(one_by_one - x.astype(np.float64) @ w.astype(np.float64)).max()
    bound = Rounding(OneLayer(tf.Variable(w, name="kernel")), {"float32"}, examples(x[:8])).tolerance("float32")
    assert error < bound < 500 * max(error, rounding.FLOOR)


def test_weights_in_float16_stay_below_their_bound_and_a_hundredth_does_not():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(200, 256)).astype(np.float32), rng.normal(size=(256, 10)).astype(np.float32)
    bound = Rounding(OneLayer(tf.Variable(w, name="kernel")), {"float16"}, examples(x[:8])).tolerance("float16")
    exact = x.astype(np.float64) @ w
    assert np.abs(x.astype(np.float64) @ w.astype(np.float16) - exact).max() < bound
    assert np.abs(x.astype(np.float64) @ np.roll(w, 1, 0) - exact).max() > 10 * bound


def test_one_example_that_hangs_by_a_thread_does_not_blind_the_bound():
    """Of eight examples one is a thousand times as large: the bound is four times the median's, not a thousand."""
    x = np.ones((8, 64), np.float32)
    alike = Rounding(OneLayer(tf.Variable(np.ones((64, 3), np.float32), name="kernel")), {"float32"}, examples(x))
    x[3] *= 1000
    mixed = Rounding(OneLayer(tf.Variable(np.ones((64, 3), np.float32), name="kernel")), {"float32"}, examples(x))
    assert mixed.tolerance("float32") == pytest.approx(4 * alike.tolerance("float32"), rel=0.5)
    own = mixed.of({"it": examples(x)[3]}, "float32")["it"]
    assert own > 100 * alike.tolerance("float32"), "drawn for by itself it is explained"


RANDOM_MODELS = int(os.environ.get("KERASVISION_RANDOM_MODELS", "12"))
CONFIGURATIONS = [("1", "1"), ("2", "1"), ("1", "0"), ("2", "0")]


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "onednn"), CONFIGURATIONS)
def test_random_models_are_never_refused_and_their_sabotage_is_never_missed(threads, onednn):
    """Detectors, classifiers and segmenters with random weights (tests/export/random_models.py): no false refusal of a
    float file, no sabotage that passes. KERASVISION_RANDOM_MODELS=200 is the whole of it, a quarter of it each here.
    """
    count = RANDOM_MODELS // len(CONFIGURATIONS)
    first = count * CONFIGURATIONS.index((threads, onednn))
    environment = os.environ | {"TF_NUM_INTRAOP_THREADS": threads, "TF_ENABLE_ONEDNN_OPTS": onednn}
    command = [sys.executable, "-m", "tests.export.random_models", str(first), str(count)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["models"] == count and found["sabotages_that_show"] > count // 2
    assert not found["refused"] and not found["missed"], found
