"""Biases of a file of quantization-aware training that do not fit into 32 bits: their kernels get a wider grid.

A channel whose kernel is (nearly) zero has learned a grid of billionths, and its bias counts in steps of that times the
input's: the converter cuts it off at the ends of int32, where LiteRT's sums wrap. Calibrated files have no such biases,
since their converter widens those grids itself, to the same bound.
"""

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.export.repair.flatbuffer import constant, kind_of, unpacked
from kerasvision.export.repair.flatbuffer import packed as bytes_of
from kerasvision.ops.internals import lite_schema

KERNELS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
MOST = 2**30  # steps of a bias; beside it the sum of 33,000 products of 8 bits stays within int32


def overflows(content):
    """Whether a bias of an int8 .tflite, bytes, is further from 0 than `MOST`."""
    model = unpacked(content)
    return any(
        np.abs(constant(model, graph, int(operator.inputs[2])).astype(np.int64)).max() > MOST
        for graph in model.subgraphs
        for operator in _operators(model, graph)
        if _is_integer(model, graph, operator)
    )


def widened(content, reference):
    """The int8 .tflite, bytes, with kernels on grids so wide that no bias is beyond `MOST`, and the biases as they were
    meant. reference: bytes of the float file of the same graph, which has them in float32.

    Raises KerasVisionError where the two files do not have the same operators.
    """
    mine, theirs = unpacked(content), unpacked(reference)
    for graph, other in zip(mine.subgraphs, theirs.subgraphs, strict=True):
        layers = {}  # by the kernel, which several operators may share, as a head does over the levels of a pyramid
        for operator, bias in _paired(mine, graph, theirs, other):
            if _is_integer(mine, graph, operator):
                layers.setdefault(int(operator.inputs[1]), []).append((operator, bias))
        for kernel, held in layers.items():
            _widen(mine, graph, kernel, held)
    return bytes_of(mine)


def _operators(model, graph):
    """Those of a subgraph that multiply with a kernel and add a bias."""
    return [o for o in graph.operators if kind_of(model, o) in KERNELS and len(o.inputs) > 2 and o.inputs[2] >= 0]


def _is_integer(model, graph, operator):
    bias = constant(model, graph, int(operator.inputs[2]))
    return bias is not None and bias.dtype == np.int32


def _paired(mine, graph, theirs, other):
    """[(operator of the int8 file, bias of the float file, float32)], in the order that they run."""
    ours, floats = _operators(mine, graph), _operators(theirs, other)
    pairs = [(o, constant(theirs, other, int(f.inputs[2]))) for o, f in zip(ours, floats, strict=False)]
    alike = [kind_of(mine, o) for o in ours] == [kind_of(theirs, f) for f in floats]
    if not alike or not all(_same(mine, graph, operator, bias) for operator, bias in pairs):
        raise KerasVisionError(
            "int8: a channel without weights has a bias that does not fit into 32 bits, and the float file that has it "
            "holds other operators; train without techniques/qat and export tflite:int8, which calibrates instead"
        )
    return pairs


def _same(model, graph, operator, wanted):
    """Whether a bias is one of a float file, rounded to its steps wherever it fits."""
    held = constant(model, graph, int(operator.inputs[2]))
    if held is None or wanted is None or held.shape != wanted.shape:
        return False
    scale = graph.tensors[operator.inputs[2]].quantization.scale if held.dtype == np.int32 else 1.0
    fits = np.abs(held.astype(np.float64)) <= MOST
    return (~fits | (np.abs(held * scale - wanted) <= np.float64(scale) + 1e-6 * np.abs(wanted))).all()


def _widen(model, graph, kernel, held):
    """A kernel and the biases of all operators that have it, where one is beyond `MOST`. held: [(operator, bias in
    float32)].
    """
    grid = graph.tensors[kernel].quantization
    scale = np.asarray(grid.scale, np.float64)
    steps = [float(graph.tensors[o.inputs[0]].quantization.scale[0]) for o, _ in held]
    beyond = np.max([np.abs(bias) / (step * scale * MOST) for step, (_, bias) in zip(steps, held, strict=True)], 0)
    wider = np.maximum(1.0, beyond if scale.size > 1 else beyond.max(keepdims=True))
    if not (wider > 1).any():
        return
    shape = [1] * len(graph.tensors[kernel].shape)
    shape[int(grid.quantizedDimension)] = -1
    values = np.rint(constant(model, graph, kernel) / wider.reshape(shape))
    _put(model, graph.tensors[kernel], values.astype(np.int8), scale * wider)
    for step, (operator, bias) in zip(steps, held, strict=True):
        tensor, meant = graph.tensors[operator.inputs[2]], constant(model, graph, int(operator.inputs[2]))
        grids = np.asarray(tensor.quantization.scale, np.float64)
        grids = np.where(wider > 1, step * scale * wider, grids)
        values = np.where(wider > 1, np.rint(bias / grids), meant)
        _put(model, tensor, values.astype(np.int32), grids)


def _put(model, tensor, values, scale):
    """In a buffer of its own: the converter lets equal constants share one."""
    buffer = lite_schema().BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    tensor.buffer = len(model.buffers)
    model.buffers.append(buffer)
    tensor.quantization.scale = scale.astype(np.float32)
