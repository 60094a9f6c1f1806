"""Another range for each inner tensor than from its smallest to its largest number.

`mse`: the part of it that loses least in squares (Nagel et al. 2021, "A White Paper on Neural Network Quantization",
arXiv:2106.08295, section 3.1). `percentile`: without the outer 0.01 % of numbers on either side (Wu et al. 2020,
"Integer Quantization for Deep Learning Inference", arXiv:2004.09602, section 5).
"""

import functools

import numpy as np

from kerasvision.export.repair.flatbuffer import name_of, observed, packed, unpacked
from kerasvision.export.targets._tflite_operators import interpreter
from kerasvision.ops.internals import lite_schema

WAYS = ("mse", "percentile")
OUTER = 1e-4  # share of the numbers that `percentile` leaves out on either side
BINS = 2048
PARTS = np.linspace(1.0, 0.2, 41)  # of the whole range, that `mse` tries
STEPS = 255
_DECODING = ("kv_decode", "StatefulPartitionedCall")  # how the names of its tensors begin


def seen(content, feeds):
    """A float .tflite with the range, from its smallest to its largest number, of each tensor of its signatures but
    those of decoding, which may run in a loop: `ops.internals.with_ranges` ends the process at one. content: bytes.
    feeds: gives (signature, {input: array}).
    """
    model = unpacked(content)
    places = {held.signatureKey.decode(): held.subgraphIndex for held in model.signatureDefs}
    ends = {place: dict.fromkeys(_undecoded(model.subgraphs[place]), (np.inf, -np.inf)) for place in places.values()}
    runner = interpreter(model_content=content, delegates=False, keeps_all=True)
    for signature, inputs in feeds:
        runner.get_signature_runner(signature)(**inputs)
        _widen(ends[places[signature]], functools.partial(runner.get_tensor, subgraph_index=places[signature]))
    for place, held in ends.items():
        for number, (low, high) in held.items():
            if low > high:  # of a signature that was given nothing
                continue
            quantization = lite_schema().QuantizationParametersT()
            quantization.min, quantization.max = np.float32([low]), np.float32([high])
            model.subgraphs[place].tensors[number].quantization = quantization
    return packed(model)


def _undecoded(graph):
    """Numbers of the float tensors of a subgraph that others than decoding make or take."""
    made = {int(number): operator for operator in graph.operators for number in operator.outputs}
    own = {number for number in made if not name_of(graph, number).startswith(_DECODING)}
    taken = {int(i) for number in own for i in made[number].inputs}
    return [n for n in sorted(own | taken.intersection(map(int, graph.inputs))) if graph.tensors[n].type == 0]


def narrowed(content, way, feeds):
    """A calibrated float .tflite with other ranges. content: bytes. way: "mse" or "percentile". feeds: a function that
    gives [(signature, {input: array})].
    """
    model = unpacked(content)
    graph = model.subgraphs[0]
    made = {int(number) for operator in graph.operators for number in operator.outputs}
    inner = [number for number in sorted(made) if graph.tensors[number].type == 0]
    ends = _ends(content, inner, feeds())
    counts = _counts(content, ends, feeds())
    for number, (low, high) in ends.items():
        held = graph.tensors[number].quantization
        if held is None or held.min is None or not len(held.min) or low >= high:
            continue
        chosen = narrowest(counts[number], low, high) if way == "mse" else _without_outer(counts[number], low, high)
        held.min, held.max = np.float32([min(chosen[0], 0.0)]), np.float32([max(chosen[1], 0.0)])
    return packed(model)


def _ends(content, numbers, feeds):
    ends = dict.fromkeys(numbers, (np.inf, -np.inf))
    for value_of in observed(content, feeds):
        _widen(ends, value_of)
    return ends


def _widen(ends, value_of):
    """{number: (low, high)}, in place. value_of: number -> the tensor's value."""
    for number, (low, high) in ends.items():
        value = value_of(number)
        ends[number] = min(low, float(value.min(initial=low))), max(high, float(value.max(initial=high)))


def _counts(content, ends, feeds):
    counts = {number: np.zeros(BINS) for number in ends}
    for value_of in observed(content, feeds):
        for number, (low, high) in ends.items():
            if low < high:
                counts[number] += np.histogram(value_of(number), BINS, (low, high))[0]
    return counts


def narrowest(counts, low, high):
    """(low, high) of the part of a range whose 8 bits are off least in squares. counts: of numbers in equal bins from
    low to high.
    """
    middles = low + (np.arange(len(counts)) + 0.5) * (high - low) / len(counts)
    low, high = min(low, 0.0), max(high, 0.0)
    errors = []
    for part in PARTS:
        step = part * (high - low) / STEPS
        inside = np.clip(middles, part * low, part * high)
        errors.append((counts * (np.rint(inside / step) * step - middles) ** 2).sum())
    part = PARTS[int(np.argmin(errors))]
    return part * low, part * high


def _without_outer(counts, low, high):
    edges, below = np.linspace(low, high, len(counts) + 1), np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(below, OUTER, side="right"))
    last = int(np.searchsorted(below, 1 - OUTER, side="left"))
    return edges[first], edges[min(last + 1, len(counts))]
