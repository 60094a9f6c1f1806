"""What rounding alone can do to a model's answers: the tolerances of parity, from the arithmetic and not from a file.

Monte Carlo arithmetic (D. S. Parker, "Monte Carlo Arithmetic: exploiting randomness in floating-point arithmetic", UCLA
CSD-970002, 1997): the trained graph predicts again with weights moved by as much as rounding may move them, at random,
and how far its predictions go apart is what rounding explains. So the condition of the graph, of its boxes and of its
decisions is measured, not assumed: a box of 500 pixels moves further than a score, and a deep graph further than a flat
one.

How far a weight is moved follows from the backward error of a dot product: computed in floating point, it is the exact
dot product of weights that are relatively wrong by at most lambda sqrt(n) u (N. J. Higham and T. Mary, "A New Approach
to Probabilistic Rounding Error Analysis", SIAM J. Sci. Comput. 41(5), 2019, theorem 2.4), with n terms, the unit
roundoff u, and a chance to be wrong of at most 2 exp(-lambda^2 / 2) a dot product. Two evaluations both err, hence a
factor sqrt(2).
"""

import contextlib
import math

import numpy as np

UNIT_FLOAT32 = 2.0**-24
UNIT_FLOAT16 = 2.0**-11
LAMBDA = 8.0  # 2 exp(-32) = 2.5e-14: of a million dot products, none in a thousand runs is further off
# A file's weights are rounded once, ours are drawn a few times over few examples: the largest of few draws is below the
# largest of many. Four times the half unit in the last place is 7 standard deviations of its rounding error.
DRAWN_WIDER = 4.0
BOUND_DRAWS, DRAWS = 4, 16  # for each of the examples that the bound is made of; for one that is beyond it
FLOOR = 2.0**-20  # a score of 1 passes some operations without weights (softmax, blending): sixteen units of float32


def weight_error(name, shape, precision):
    """The largest relative error of a weight, 0..1, that stands for what arithmetic does to it.

    name, shape: of the Keras weight. precision: "float32", or "float16" where weights are stored in 16 bits.
    """
    error = LAMBDA * math.sqrt(2 * terms(name, shape)) * UNIT_FLOAT32
    return max(error, DRAWN_WIDER * UNIT_FLOAT16) if precision == "float16" else error


def terms(name, shape):
    """How many products are added up in one output of the layer that a weight belongs to; 1 of what is no kernel."""
    if "kernel" not in name or len(shape) < 2:
        return 1
    outputs = shape[-1] * shape[-2] if "depthwise" in name else shape[-1]
    return max(1, int(np.prod(shape)) // max(1, int(outputs)))


@contextlib.contextmanager
def moved_weights(weights, precision, seed):
    """While it lasts, every float weight is multiplied by 1 plus or minus its `weight_error`, the sign drawn for each
    number of it. weights: tf.Variables, put back exactly afterwards.
    """
    rng = np.random.default_rng(seed)
    held = [(w, w.numpy()) for w in weights if w.dtype.is_floating]
    try:
        for weight, value in held:
            error = weight_error(weight.name, value.shape, precision)
            signs = rng.integers(0, 2, value.shape) * 2 - 1
            weight.assign((value.astype(np.float64) * (1 + error * signs)).astype(value.dtype))
        yield
    finally:
        for weight, value in held:
            weight.assign(value)


class Rounding:
    """How far apart a trained model's predictions may be by rounding alone, one number for each precision.

    served: a `Served`. precisions: of the files that are compared, "float32" or "float16". examples: that the bounds
    are drawn for, serving inputs with a batch axis of 1.
    """

    def __init__(self, served, precisions, examples):
        self._served = served
        self._known = {}
        keyed = {("bound", number): inputs for number, inputs in enumerate(examples)}
        self._bounds = {
            precision: _bound(list(self.of(keyed, precision, BOUND_DRAWS).values())) for precision in precisions
        }

    def tolerance(self, precision):
        """The largest error that was drawn, but of no example more than four times the median: one whose decisions are
        very close must not make the certificate blind for all others. precision: one of `precisions`.
        """
        return self._bounds[precision]

    def of(self, keyed, precision, draws=DRAWS):
        """{key: the largest error of `draws` draws}. keyed: {key of an example: its serving inputs, numpy [1, ...]}; an
        example is drawn for once, so its key must be the same at every call.
        """
        unknown = {k: v for k, v in keyed.items() if (k, precision) not in self._known}
        arch, judge = self._served.arch, self._served.judge
        whole = {k: _numpy(judge(inputs)) for k, inputs in unknown.items()}
        seen = dict.fromkeys(unknown, 0.0)
        for seed in range(draws if unknown else 0):
            with moved_weights(self._served.weights, precision, seed):
                moved = {k: _numpy(judge(inputs)) for k, inputs in unknown.items()}
            for key, prediction in moved.items():
                seen[key] = max(seen[key], float(arch.compare(whole[key], prediction)[0][0]))
        self._known |= {(key, precision): error + FLOOR for key, error in seen.items()}
        return {k: self._known[k, precision] for k in keyed}


def _bound(errors):
    return float(min(max(errors), 4 * np.median(errors)))


def _numpy(tensors):
    return {k: v.numpy() for k, v in tensors.items()}
