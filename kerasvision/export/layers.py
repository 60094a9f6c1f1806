"""Where it hurts: tensors of an integer file against those of the float one, on real examples, by the layers' names.

What a layer does alone is told from what has come to it: the file's twin (`export/twin`) is run through from the
pixels, and layer by layer with the float file's own tensors as inputs. Signal to quantization noise in decibels, as
B. Widrow and I. Kollar, "Quantization Noise" (2008), chapter 4, have it: 10 log10(sum x^2 / sum (x - y)^2).
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.edge import EdgeError, golden
from kerasvision.edge.contracts import read_json
from kerasvision.edge.tensors import unpacked
from kerasvision.export.repair.workshop import layer_of
from kerasvision.export.twin.twin import OPERATORS, Twin


@dataclasses.dataclass(frozen=True)
class Layer:
    """One tensor. alone_db: its signal to noise where only the operator that makes it is in integers, None where the
    float file has not all of its inputs; accumulated_db: with all before it. keras: the Keras layer, "" where the
    tensor's name tells none. bias: mean error, in parts of the float
    tensor's root mean square. saturated: share of its integers at either end of their range, but
    for an end that stands for 0, as behind a rectifier. zeros: share that stands for 0.
    """

    name: str
    keras: str
    operator: str
    alone_db: float | None
    accumulated_db: float
    bias: float
    saturated: float
    zeros: float


def layers(path, other, examples=None):
    """[`Layer`] of an integer .tflite, the worst alone first. other: the float file of the same model.

    examples: [{input: array [1, ...]}]; None: those of golden.json beside the file. Raises KerasVisionError where there
    are none, or where the files have no layer in common.
    """
    mine, theirs = Twin(path), Twin(other)
    examples = golden_inputs(path) if examples is None else examples
    number_of = {tensor.name: number for number, tensor in enumerate(theirs.tensors) if tensor.constant is None}
    asked = [(node, node.outputs[0]) for node in mine.nodes if _is_compared(node, number_of, theirs)]
    if not asked:
        raise KerasVisionError(f"{path} and {other} have no layer in common whose numbers are integers in the first")
    sums, names = [_Sums(mine.tensors[number]) for _, number in asked], _known_as(mine, number_of)
    wanted = sorted({number_of[name] for name in names.values()})
    for example in examples:
        reference = _values(theirs, example, wanted)
        known = {number: reference[number_of[name]] for number, name in names.items()}
        through = _values(mine, example, [number for _, number in asked])
        for (node, number), held in zip(asked, sums, strict=True):
            held.see(known[number], through[number], _alone(mine, node, number, known))
    rows = [held.layer(node) for (node, _), held in zip(asked, sums, strict=True)]
    return sorted(
        rows, key=lambda row: (row.alone_db is None, row.accumulated_db if row.alone_db is None else row.alone_db)
    )


def golden_inputs(path):
    """The prepared inputs of golden.json beside a file."""
    place = pathlib.Path(path).parent / golden.NAME
    try:
        held = read_json(place)
        golden.check_form(held, place)
        return [{key: unpacked(row) for key, row in one["prepared"].items()} for one in held["examples"]]
    except EdgeError as error:
        raise KerasVisionError(str(error)) from None


def _is_compared(node, number_of, theirs):
    """Whether an operator makes integers that stand for numbers, and the float file has a tensor of that name."""
    made = node.makes[0]
    if not made.is_quantized or made.name not in number_of or node.kind not in OPERATORS:
        return False
    return theirs.tensors[number_of[made.name]].shape == made.shape


def _known_as(twin, number_of):
    """{number of a tensor: its name in the float file}: its own, or that of what only was put on a grid to make it."""
    made_by = {node.outputs[0]: node for node in twin.nodes if node.kind in ("QUANTIZE", "DEQUANTIZE")}
    names = {}
    for number, held in enumerate(twin.tensors):
        before = number
        while twin.tensors[before].name not in number_of and before in made_by:
            before = made_by[before].inputs[0]
        if twin.tensors[before].name in number_of and held.constant is None:
            names[number] = twin.tensors[before].name
    return names


def _values(twin, example, wanted):
    missing = sorted(set(twin.inputs) - set(example))
    if missing:
        raise UsageError(f"{twin.path} takes {', '.join(missing)}, which the examples do not have")
    given = {twin.inputs[key]: tf.constant(example[key].astype(np.float32)) for key in twin.inputs}
    return {number: value.numpy() for number, value in twin.values(given, wanted).items()}


def _alone(twin, node, number, known):
    """The tensor that an operator makes of the float file's own inputs, or None where one of them is not known."""
    given = [i for i in node.inputs if i >= 0 and twin.tensors[i].constant is None]
    if any(i not in known or known[i].shape != twin.tensors[i].shape for i in given):
        return None
    return twin.values({i: tf.constant(known[i]) for i in given}, [number])[number].numpy()


class _Sums:
    """What is added up of one tensor while the examples pass."""

    def __init__(self, held):
        self._held, limits = held, np.iinfo(held.dtype)
        scale, zero = held.grid()
        self._ends = [(end - zero) * scale for end in (limits.min, limits.max)]
        self._half = np.float32(scale) / 2
        self._signal = self._noise = self._error = self._alone = 0.0
        self._count = self._saturated = self._zeros = 0
        self._is_alone = True

    def see(self, reference, through, alone):
        error = through.astype(np.float64) - reference
        self._signal += float((reference.astype(np.float64) ** 2).sum())
        self._noise += float((error**2).sum())
        self._error += float(error.sum())
        self._count += reference.size
        low, high = (np.abs(through - end) < self._half for end in self._ends)
        is_zero = np.abs(through) < self._half
        self._saturated += int(((low | high) & ~is_zero).sum())
        self._zeros += int(is_zero.sum())
        self._is_alone = self._is_alone and alone is not None
        if alone is not None:
            self._alone += float(((alone.astype(np.float64) - reference) ** 2).sum())

    def layer(self, node):
        size = max(np.sqrt(self._signal / self._count), np.finfo(np.float32).tiny)
        return Layer(
            self._held.name,
            layer_of(self._held.name),
            node.kind,
            decibels(self._signal, self._alone) if self._is_alone else None,
            decibels(self._signal, self._noise),
            self._error / self._count / size,
            self._saturated / self._count,
            self._zeros / self._count,
        )


def decibels(signal, noise):
    """10 log10 of the ratio of two sums of squares; infinite without noise."""
    if not noise:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal else float("-inf")
