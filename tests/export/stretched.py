"""Models whose int8 files are broken on purpose, by channels of unlike scales.

The function of a broken model is that of the trained one, to the bit: scales are powers of two, and what multiplies a
channel is divided out again behind it.
"""

import numpy as np
import pytest

from kerasvision.data.pipeline import splits_of
from kerasvision.export.calibration import calibration_inputs
from kerasvision.export.targets.tflite import workshop
from kerasvision.train.run import structure
from tests.export.traced import Traced

SCALES = np.exp2(np.arange(8) * 2.0 - 7).astype(np.float32)
INSIDE = (("backbone_c0_block0_1_bn",), ("backbone_c0_block0_2_conv",))  # a pair that equalization can mend
# a tensor with a shortcut, which it cannot
AROUND = (
    ("backbone_stem_bn", "backbone_c0_block0_2_bn"),
    ("backbone_c0_block0_1_conv", "backbone_c1_block0_1_conv", "backbone_c1_block0_shortcut_conv"),
)


def stretched(trained, where):
    """The trained model with channels multiplied by SCALES, and divided by them again behind."""
    graph = structure(trained.recipe)
    graph.set_weights(trained.graph.get_weights())
    for name in where[0]:
        layer = graph.get_layer(name)
        gamma, beta, *moments = layer.get_weights()
        layer.set_weights([gamma * SCALES, beta * SCALES, *moments])
    for name in where[1]:
        layer = graph.get_layer(name)
        kernel, *bias = layer.get_weights()
        layer.set_weights([kernel / SCALES[:, None], *bias])
    return Traced(trained.recipe, graph, trained.classes, {})


@pytest.fixture(scope="session")
def inside(digits_run):
    return stretched(digits_run, INSIDE)


@pytest.fixture(scope="session")
def around(digits_run):
    return stretched(digits_run, AROUND)


@pytest.fixture(scope="session")
def calibration(inside):
    return calibration_inputs(splits_of(inside.recipe, "train")["train"], inside.served())


@pytest.fixture(scope="session")
def shop(inside, calibration):
    return workshop(inside.served(), calibration)
