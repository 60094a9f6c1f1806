"""Tolerances are computed from the graph, and hold what they promise."""

import math

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.export.arithmetic import Arithmetic, arithmetic_of


def small_graph():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, name="conv")(image)  # 3 * 3 * 3 = 27 terms
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.DepthwiseConv2D(5, depth_multiplier=2)(x)  # 5 * 5 = 25
    x = keras.layers.SeparableConv2D(7, 1)(x)  # 1 * 1 = 1, then 16
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(10)(x))  # 7


def test_terms_are_counted_from_the_graph():
    assert arithmetic_of(small_graph(), scale=12.5) == Arithmetic(layers=5, additions=27 + 25 + 1 + 16 + 7, scale=12.5)


def test_tolerances_by_hand():
    arithmetic = Arithmetic(layers=5, additions=76, scale=12.5)
    assert arithmetic.float32 == pytest.approx(math.sqrt(152) * 2**-24 * 12.5)
    assert arithmetic.float16 == pytest.approx(math.sqrt(5) * 2**-11 * 12.5 + arithmetic.float32)


def test_small_raw_counts_as_one():
    """Scores are probabilities: their own rounding does not vanish with the logits'."""
    assert arithmetic_of(small_graph(), scale=0.001).scale == 1.0


def test_the_bound_follows_the_weights_through_quantization_wrappers():
    arch = create("classification/classifier", num_classes=3, image_size=(8, 8), backbone=_narrow())
    graph = arch.build()
    aware = create("techniques/qat").graph(arch, graph)
    assert arithmetic_of(aware, 1.0) == arithmetic_of(graph, 1.0)


def _narrow():
    return create("backbones/convnet", width=4, blocks=(1, 1))


@pytest.mark.parametrize("terms", [16, 256, 4096])
def test_a_float32_dot_product_stays_below_the_bound(terms):
    """One layer against float64, for logits of known magnitude; and the bound is no more than 30 times too wide."""
    rng = np.random.default_rng(terms)
    x, w = rng.normal(size=(200, terms)), rng.normal(size=(terms, 10)) / math.sqrt(terms)
    x32, w32 = x.astype(np.float32), w.astype(np.float32)
    exact = x32.astype(np.float64) @ w32.astype(np.float64)
    one_by_one = np.zeros((200, 10), np.float32)
    for k in range(terms):
        one_by_one += x32[:, k : k + 1] * w32[k]
    error = np.abs(one_by_one - exact).max()
    bound = Arithmetic(layers=1, additions=terms, scale=float(np.abs(exact).max())).float32
    assert error < bound < 30 * error
