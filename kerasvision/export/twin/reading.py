"""What stands in a .tflite: its tensors with their grids, its operators with their options, its signatures."""

import dataclasses
import functools
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.ops.internals import lite_schema


@dataclasses.dataclass(frozen=True, eq=False)
class Held:
    """A tensor of a file. dtype: numpy name. scale, zero: float32 and int64 arrays of one value, or one for each slice
    along `axis`, of integers that stand for (integer - zero) * scale; None of all others. constant: its integers or
    numbers, or None.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: np.ndarray | None
    zero: np.ndarray | None
    axis: int
    constant: np.ndarray | None

    @property
    def is_quantized(self):
        """Whether its integers stand for real numbers."""
        return self.scale is not None

    @property
    def is_real(self):
        """Whether it has gradients: real numbers, integers that stand for some, or pixels."""
        return self.is_quantized or self.dtype in ("float16", "float32", "uint8")

    def grid(self):
        """(scale, zero), shaped so that they go with the tensor."""
        if self.scale.size == 1:
            return np.float32(self.scale[0]), np.float32(self.zero[0])
        shape = [1] * len(self.shape)
        shape[self.axis] = -1
        return self.scale.reshape(shape), self.zero.astype(np.float32).reshape(shape)

    def real(self, integers):
        """Integers as the file has them -> what they stand for, float32; other values as they are."""
        if not self.is_quantized:
            return integers
        scale, zero = self.grid()
        return ((integers.astype(np.float64) - zero) * scale).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """An operator. inputs, outputs: numbers of tensors, -1 for one that is left out. options: the schema's object."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: typing.Any
    takes: tuple[Held | None, ...]
    makes: tuple[Held, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Contents:
    """A signature of a file. inputs, outputs: key -> number of a tensor. nodes: in the order that they run."""

    tensors: tuple[Held, ...]
    nodes: tuple[Node, ...]
    inputs: dict[str, int]
    outputs: dict[str, int]


def read(path, signature):
    """The `Contents` of one signature of a .tflite."""
    model, held = _opened(path)
    if signature not in held:
        raise KerasVisionError(f"{path} has no signature {signature}; it has: {', '.join(sorted(held)) or 'none'}")
    chosen = held[signature]
    graph = model.subgraphs[chosen.subgraphIndex]
    tensors = tuple(_tensor(tensor, model.buffers) for tensor in graph.tensors)
    nodes = tuple(_node(operator, model.operatorCodes, tensors) for operator in graph.operators or ())
    ends = ({t.name.decode(): int(t.tensorIndex) for t in side} for side in (chosen.inputs, chosen.outputs))
    return Contents(tensors, nodes, *ends)


def kinds_and_signatures(path):
    """(names of the operators of all subgraphs of a .tflite, those of loops' bodies among them; {signature: number of
    its subgraph}). Raises KerasVisionError of a file that cannot be read.
    """
    model, held = _opened(path)
    used = {operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators or ()}
    return {_kind(model.operatorCodes[number]) for number in used}, {k: int(s.subgraphIndex) for k, s in held.items()}


def _opened(path):
    """(the file as an object, {key: signature})."""
    try:
        model = lite_schema().ModelT.InitFromPackedBuf(path.read_bytes())
        return model, {s.signatureKey.decode(): s for s in model.signatureDefs or ()}
    except Exception:  # whatever the flatbuffer's reader meets in bytes that are none
        raise KerasVisionError(f"{path} cannot be read as a .tflite; export the model again") from None


@functools.cache
def named(table):
    """Number -> name of one of the schema's enumerations."""
    return {number: name for name, number in vars(getattr(lite_schema(), table)).items() if isinstance(number, int)}


def _tensor(tensor, buffers):
    dtype = named("TensorType")[tensor.type].lower()
    shape = () if tensor.shape is None else tuple(int(side) for side in tensor.shape)
    grid, data = tensor.quantization, buffers[tensor.buffer].data
    is_quantized = grid is not None and grid.scale is not None and len(grid.scale) > 0
    constant = None
    if data is not None and len(data):
        constant = np.frombuffer(bytes(data), np.dtype(dtype)).reshape(shape)
    return Held(
        tensor.name.decode(),
        dtype,
        shape,
        np.asarray(grid.scale, np.float32) if is_quantized else None,
        np.asarray(grid.zeroPoint, np.int64) if is_quantized else None,
        int(grid.quantizedDimension) if is_quantized else 0,
        constant,
    )


def _kind(code):
    kind = named("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return code.customCode.decode() if kind == "CUSTOM" else kind


def _node(operator, codes, tensors):
    kind = _kind(codes[operator.opcodeIndex])
    inputs = () if operator.inputs is None else tuple(int(i) for i in operator.inputs)
    outputs = tuple(int(i) for i in operator.outputs)
    takes = tuple(tensors[i] if i >= 0 else None for i in inputs)
    return Node(kind, inputs, outputs, operator.builtinOptions, takes, tuple(tensors[i] for i in outputs))
