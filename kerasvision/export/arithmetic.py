"""What rounding alone can do to a graph's scores: the tolerances of parity, from the arithmetic and not from a run."""

import dataclasses
import math

import numpy as np

UNIT_FLOAT32 = 2.0**-24
UNIT_FLOAT16 = 2.0**-11


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """layers: with weights. additions: terms of the dot products, summed over those layers. scale: largest |raw|.

    The probabilistic rounding bound of Higham and Mary ("A New Approach to Probabilistic Rounding Error Analysis", SIAM
    J. Sci. Comput. 41(5), 2019, theorem 2.4) makes the error of a dot product of n terms grow as sqrt(n) u; over
    independent layers the squares add up. Decoding to scores (softmax, sigmoid) has a Lipschitz constant below 1.
    """

    layers: int
    additions: int
    scale: float

    @property
    def float32(self):
        """Two float32 evaluations of the same graph in different orders: both err, hence the factor sqrt(2)."""
        return math.sqrt(2 * self.additions) * UNIT_FLOAT32 * self.scale

    @property
    def float16(self):
        """Weights rounded to float16, arithmetic in float32 (or float16 on a GPU, not measured here)."""
        return math.sqrt(self.layers) * UNIT_FLOAT16 * self.scale + self.float32


def arithmetic_of(graph, scale):
    """The `Arithmetic` of a Keras graph whose raw outputs reach `scale` in magnitude."""
    layers = additions = 0
    for layer in graph.layers:
        kernels = [w for w in layer.weights if "kernel" in w.name and len(w.shape) > 1]
        for kernel in kernels:
            outputs = kernel.shape[-1] if "depthwise" not in kernel.name else kernel.shape[-1] * kernel.shape[-2]
            layers += 1
            additions += int(np.prod(kernel.shape)) // int(outputs)
    return Arithmetic(max(1, layers), max(1, additions), max(1.0, float(scale)))
