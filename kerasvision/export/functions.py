"""A model's further functions in exported files: fed with real examples, compared with the trained graph, timed."""

import statistics
import time

import numpy as np
import tensorflow as tf

from kerasvision.export.loops import LoopJudge
from kerasvision.export.rounding import DRAWS, moved_weights

RUNS = 10
# in units of the largest number of an output: what passes operations without weights, sixteen units of float32
FLOOR = 2.0**-20


def feeds(served, samples):
    """An iterator of {name: {key: numpy array, batch of 1}} of each sample, serving inputs with a batch axis of 1.

    An input is the architecture's prepared input of that key, or what a function before gave under it, or zeros.
    """
    arch = served.arch
    fitted = (arch.geometry({k: tf.constant(v) for k, v in sample.items()})[0] for sample in samples)
    return prepared_feeds(served, map(arch.at_graph_size, fitted))


def prepared_feeds(served, every):
    """The same of prepared inputs, of the graph's own size."""
    for prepared in every:
        known, held = {k: np.asarray(v) for k, v in prepared.items()}, {}
        for name, function in served.functions.items():
            specs, names = function.input_signature[0], served.measured_with[name]
            zeros = {k: np.zeros(_one(s.shape), s.dtype.as_numpy_dtype) for k, s in specs.items()}
            held[name] = {k: known.get(names.get(k, k), zero) for k, zero in zeros.items()}
            known |= answers(function, held[name])
        yield held


def answers(function, inputs):
    """{key: numpy array} of a tf.function of a dict."""
    return {k: v.numpy() for k, v in function({k: tf.constant(v) for k, v in inputs.items()}).items()}


def _one(shape):
    return [side or 1 for side in shape.as_list()]


class FunctionJudge:
    """What the trained graph's functions give for a few examples, and how far rounding moves that.

    served: a `Served`. samples: serving inputs with a batch axis of 1.
    """

    def __init__(self, served, samples):
        self._served = served
        self.feeds = list(feeds(served, samples)) if served.functions else []
        self._loops = {name: LoopJudge(served, name, samples) for name in served.loop_functions}
        self._expected = {name: self._given(name) for name in served.functions if name not in self._loops}
        self._tolerances = {}

    def _given(self, name):
        return [answers(self._served.functions[name], held[name]) for held in self.feeds]

    def tolerance(self, name, precision):
        """The largest error that weights moved by rounding make (`export.rounding`), relative to each output's largest
        number.
        """
        if (name, precision) not in self._tolerances:
            found = 0.0
            for seed in range(DRAWS):
                with moved_weights(self._served.weights, precision, seed):
                    found = max(
                        found, *(apart(a, b) for a, b in zip(self._expected[name], self._given(name), strict=True))
                    )
            self._tolerances[name, precision] = found + FLOOR
        return self._tolerances[name, precision]

    def measured(self, exporter, path, runner):
        """({name: its row in contract.json}, lines about what is wrong) of an artifact, {} where there are none."""
        names = tuple(self._served.functions)
        if not names or not exporter.writes_functions:
            return {}, ()
        rows, wrong = exporter.functions(path, names), []
        for name in names:
            if name not in rows:
                wrong.append(f"has no function {name}")
                continue
            if name in self._loops:
                found, lines = self._loops[name].measured(lambda of, n=name: runner.call(n, of), exporter.precision)
                rows[name] |= {"closed_loop": found, "latency_ms": self._latency(runner, name)}
                wrong += [f"{name} {line}" for line in lines]
                continue
            given = [runner.call(name, held[name]) for held in self.feeds]
            error = max(apart(a, b) for a, b in zip(self._expected[name], given, strict=True))
            tolerance = self.tolerance(name, exporter.precision) if exporter.precision else None
            rows[name] |= {"max_error": error, "tolerance": tolerance, "latency_ms": self._latency(runner, name)}
            if not np.isfinite(error) or (tolerance is not None and error > tolerance):
                explained = "" if tolerance is None else f"; its arithmetic explains {tolerance:.2g}"
                wrong.append(f"answers {name} otherwise than the trained model, by {error:.2g}{explained}")
        return rows, tuple(wrong)

    def _latency(self, runner, name):
        seconds = []
        for _ in range(RUNS + 2):
            start = time.perf_counter()
            runner.call(name, self.feeds[0][name])
            seconds.append(time.perf_counter() - start)
        return round(1000 * statistics.median(seconds[2:]), 4)


def apart(expected, given):
    """The largest difference of two answers, relative to the largest number of each output; infinite where their keys,
    shapes or what is not finite differ.
    """
    if set(expected) != set(given) or any(expected[k].shape != given[k].shape for k in expected):
        return float("inf")
    errors = [0.0]
    for key, value in expected.items():
        a, b = value.astype(np.float64), np.asarray(given[key], np.float64)
        if not np.isfinite(b).all():
            return float("inf")
        errors.append(float(np.abs(a - b).max(initial=0.0) / max(1e-12, np.abs(a).max(initial=0.0))))
    return max(errors)
