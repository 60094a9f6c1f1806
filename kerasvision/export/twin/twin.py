"""The twin of a .tflite: the same operators on the same weights and grids, in TensorFlow."""

import pathlib

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.export.twin import pointwise, products, shapes
from kerasvision.export.twin.grids import on_grid
from kerasvision.export.twin.pointwise import real_dtype
from kerasvision.export.twin.reading import read

OPERATORS = products.OPERATORS | pointwise.OPERATORS | shapes.OPERATORS


class Twin:
    """Operators of one signature of a .tflite, float, float16, dynamic-range or integer, of one example at a time.

    Whatever stands for a real number is float32, pixels and integers on a grid among them; it has gradients, and what
    rounds lets them pass (`grids`). tensors: `reading.Held`, by whose numbers inner tensors are asked for. Kernels
    within one step of LiteRT's own: its fast and its reference kernels for integers are as far from one another.
    """

    def __init__(self, path, signature="serving_default"):
        self.path = pathlib.Path(path)
        held = read(self.path, signature)
        self.tensors, self.nodes, self.inputs, self.outputs = held.tensors, held.nodes, held.inputs, held.outputs
        self._made_by = {number: node for node in self.nodes for number in node.outputs}
        self._constants = {
            number: np.asarray(held.real(held.constant), real_dtype(held).as_numpy_dtype)
            for number, held in enumerate(self.tensors)
            if held.constant is not None
        }

    def __call__(self, inputs):
        """Inputs of the signature by key, [1, ...], pixels float32 0..255 -> its outputs by key, integers that stand
        for numbers as those. Pure TensorFlow. Raises UsageError of an operator that is not known here.
        """
        found = self.values({self.inputs[key]: value for key, value in inputs.items()}, self.outputs.values())
        return {key: found[number] for key, number in self.outputs.items()}

    def values(self, given, wanted):
        """Number -> value of the wanted tensors. given: number -> value of some, of which the others are made; by
        those that are real there is a gradient, wherever they stand in the file.
        """
        found = {number: self._settled(number, value) for number, value in given.items()}
        for node in self._needed(found, wanted):
            self._run(node, found)
        return {number: self._value(number, found) for number in wanted}

    def _needed(self, found, wanted):
        """The nodes that make the wanted tensors of those that were found, in the order that they run."""
        waiting, needed = list(wanted), set()
        while waiting:
            node = self._made_by.get(number := waiting.pop())
            if number not in found and node is not None and node not in needed:
                needed.add(node)
                waiting += [i for i in node.inputs if i >= 0]
        return [node for node in self.nodes if node in needed]

    def _run(self, node, found):
        if node.kind not in OPERATORS:
            raise UsageError(
                f"{self.path}: its operator {node.kind} has no twin, so it has no gradients; ask for scores alone: "
                "occlusion, square"
            )
        takes = [self._value(i, found) if i >= 0 else None for i in node.inputs]
        gives = OPERATORS[node.kind](node, *takes)
        for number, value in zip(node.outputs, gives if isinstance(gives, list) else [gives], strict=True):
            found.setdefault(number, self._settled(number, value))

    def _value(self, number, found):
        if number in found:
            return found[number]
        if number not in self._constants:
            raise UsageError(f"{self.path}: nothing gives its tensor {number} ({self.tensors[number].name})")
        return self._constants[number]

    def _settled(self, number, value):
        held = self.tensors[number]
        value = tf.cast(value, real_dtype(held))
        return on_grid(value, held) if held.is_quantized else value
