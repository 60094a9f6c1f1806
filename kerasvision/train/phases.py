"""Which phase's weights a run ends with: a later phase must earn its place."""

import contextlib
import dataclasses

from kerasvision.core.direction import is_better
from kerasvision.train.callbacks import chosen_by


def contests(phases):
    """Of each phase the number of the contest that it takes part in; a new one begins where a phase aims at something
    that the metric does not count, or ends to do so (`Technique.rivals`): smaller files, rare classes.
    """
    numbers, before = [], None
    for phase in phases:
        aims = [t for t in phase.techniques if t.rivals != "any"]
        alone = any(t.rivals == "none" for t in aims)
        numbers.append(len(numbers) if alone or aims != before else numbers[-1])
        before = None if alone else aims
    return numbers


@dataclasses.dataclass(frozen=True)
class _Held:
    number: int
    value: float
    weights: dict | None  # layer -> arrays; None: of a phase that has no rival


class Contest:
    """Keeps the weights of the best phase by a metric of the validation split, the same examples after each.

    A phase starts from the weights of the one before, whether it helped or not: snapshots go on from each other. One
    that begins another contest (quantization-aware training, pruning) starts from the best of the one that ends, and
    so does what is delivered. Of equal ones the earlier is kept, as of epochs. Nothing is compared without a validation
    split.

    phases: of the recipe. metric: what decides, with its split. direction: of it. say: takes one line.
    """

    def __init__(self, phases, metric, direction, say):
        self._contests, self._metric, self._direction, self._say = contests(phases), metric, direction, say
        self._best, self._values = None, {}

    def begin(self, number, graph):
        """Before a phase, counted from 1."""
        if number > 1 and self._contests[number - 1] != self._contests[number - 2]:
            self._restore(graph, number - 1)
            self._best = None

    def end(self, number, graph, value):
        """After a phase, whose best weights the graph has. value: of the metric with them, None if it is not known."""
        if value is None:
            self._best = None
            return
        self._values[number] = value
        best = self._best
        if best and _fits(best.weights, graph) and not is_better(value, best.value, self._direction):
            self._say(
                f"phase {number} did not help: {self._metric} is {value:.4f} after it and {best.value:.4f} after phase "
                f"{best.number}, whose weights are kept"
            )
            return
        rivals = self._contests.count(self._contests[number - 1]) > 1
        self._best = _Held(number, value, _weights(graph) if rivals else None)

    def finish(self, graph):
        """Put the weights to deliver into the graph of the last phase; figures for metrics.json: `chosen_by/NAME`,
        the metric that these weights were chosen for; and of several phases `phases/1` ..., the metric after each, and
        `phases/kept`, the number of the delivered one. None without a metric.
        """
        self._restore(graph, len(self._contests))
        if not self._best:
            return {}
        chosen = {chosen_by(self._metric): self._best.value}
        if len(self._contests) < 2:
            return chosen
        figures = {f"phases/{n}": value for n, value in self._values.items()}
        return chosen | figures | {"phases/kept": float(self._best.number)}

    def _restore(self, graph, last):
        if self._best and self._best.number != last:
            with _unfrozen(graph):
                for name, arrays in self._best.weights.items():
                    graph.get_layer(name).set_weights(arrays)


def _weights(graph):
    with _unfrozen(graph):
        return {layer.name: layer.get_weights() for layer in graph.layers if layer.weights}


def _fits(weights, graph):
    """Whether these are weights of such a graph."""
    with _unfrozen(graph):
        shapes = {layer.name: [tuple(w.shape) for w in layer.weights] for layer in graph.layers if layer.weights}
    return weights is not None and shapes == {name: [a.shape for a in arrays] for name, arrays in weights.items()}


@contextlib.contextmanager
def _unfrozen(graph):
    """The order of a layer's weights depends on what is frozen; here nothing is."""
    held = [(layer, layer.trainable) for layer in graph.submodules if hasattr(layer, "trainable")]
    try:
        graph.trainable = True
        yield
    finally:
        for layer, trainable in held:
            layer.trainable = trainable
