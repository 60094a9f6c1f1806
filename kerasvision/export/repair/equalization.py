"""Equalization across layers: neighboring kernels share out their channels' scales, and the function stays as it is.

"Data-Free Quantization Through Weight Equalization and Bias Correction" (Nagel et al. 2019, arXiv:1906.04721, section
4.1): where relu(s x) = s relu(x), channel i of a kernel may be divided by s_i and the next kernel's multiplied by it;
s_i = sqrt(r1_i / r2_i) gives both the same range. Here s_i is the nearest power of two, so that the float file answers
as before to the last bit.
"""

import numpy as np

from kerasvision.export.repair.flatbuffer import constant, kind_of, packed, set_constant, unpacked
from kerasvision.export.twin.reading import named

SWEEPS = 20  # over all pairs; a chain of layers settles in a few
# axis of the output channels, axis of the input channels, of each kernel
AXES = {"CONV_2D": (0, 3), "DEPTHWISE_CONV_2D": (3, 3), "FULLY_CONNECTED": (0, 1)}
BETWEEN = ("RELU", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD", "MEAN")  # with each channel by itself, and relu(s x)
HOMOGENEOUS = ("NONE", "RELU")


def equalized(content):
    """(float .tflite with equalized kernels, how many pairs of layers were changed). content: bytes, a float file. A
    file of several functions, which share their kernels, stays as it is.
    """
    model = unpacked(content)
    if len(model.subgraphs) > 1:
        return content, 0
    graph = model.subgraphs[0]
    pairs = list(_pairs(model, graph))
    changed = set()
    for _ in range(SWEEPS):
        moved = {number for number, pair in enumerate(pairs) if _equalize(model, graph, *pair)}
        changed |= moved
        if not moved:
            break
    return (packed(model), len(changed)) if changed else (content, 0)


def _pairs(model, graph):
    """(operator, the next one with a kernel) where nothing else sees what is between them."""
    takers = {}
    for operator in graph.operators:
        for number in operator.inputs:
            takers.setdefault(int(number), []).append(operator)
    last = {int(number) for number in graph.outputs}
    for first in graph.operators:
        if not _has_kernel(model, graph, first, takers) or not _is_homogeneous(first):
            continue
        second = _next(model, graph, first, takers, last)
        if second is not None and _fits(model, graph, first, second, takers):
            yield first, second


def _has_kernel(model, graph, operator, takers):
    """Whether it multiplies with a float kernel, and adds float numbers, that are its alone."""
    if kind_of(model, operator) not in AXES:
        return False
    held = [int(number) for number in operator.inputs[1:] if number >= 0]
    buffers = [tensor.buffer for tensor in graph.tensors]
    return all(
        constant(model, graph, n) is not None
        and graph.tensors[n].type == 0
        and len(takers[n]) == 1
        and buffers.count(graph.tensors[n].buffer) == 1
        for n in held
    )


def _is_homogeneous(operator):
    activation = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
    return named("ActivationFunctionType")[activation] in HOMOGENEOUS


def _next(model, graph, operator, takers, last):
    """The one operator with a kernel that sees an operator's channels, each by itself; or None."""
    while True:
        made = int(operator.outputs[0])
        seen = takers.get(made, [])
        if made in last or len(seen) != 1 or int(seen[0].inputs[0]) != made:
            return None
        operator = seen[0]
        kind = kind_of(model, operator)
        if kind in AXES:
            return operator
        if kind not in BETWEEN or not _is_homogeneous(operator) or not _keeps_channels(model, graph, operator, kind):
            return None


def _keeps_channels(model, graph, operator, kind):
    if kind not in ("MEAN", "PAD"):
        return True
    given, rows = graph.tensors[int(operator.inputs[0])], constant(model, graph, int(operator.inputs[1]))
    if rows is None:
        return False
    sides = len(given.shape)
    return not np.any(np.asarray(rows) % sides == sides - 1) if kind == "MEAN" else not np.any(rows[-1])


def _fits(model, graph, first, second, takers):
    if first is second or not _has_kernel(model, graph, second, takers):
        return False
    out, into = (AXES[kind_of(model, operator)][side] for side, operator in enumerate((first, second)))
    kernels = [constant(model, graph, int(operator.inputs[1])) for operator in (first, second)]
    return kernels[0].shape[out] == kernels[1].shape[into]


def _equalize(model, graph, first, second):
    """Share out the scales of a pair; returns whether that changed anything."""
    out, into = (AXES[kind_of(model, operator)][side] for side, operator in enumerate((first, second)))
    one, other = (constant(model, graph, int(operator.inputs[1])) for operator in (first, second))
    reach = [_reach(one, out), _reach(other, into)]
    scale = np.ones_like(reach[0])
    known = (reach[0] > 0) & (reach[1] > 0)
    scale[known] = np.exp2(np.rint(np.log2(np.sqrt(reach[0][known].astype(np.float64) / reach[1][known]))))
    if (scale == 1).all():
        return False
    set_constant(model, graph, int(first.inputs[1]), one / _along(scale, one, out))
    set_constant(model, graph, int(second.inputs[1]), other * _along(scale, other, into))
    if len(first.inputs) > 2 and first.inputs[2] >= 0:
        bias = constant(model, graph, int(first.inputs[2]))
        set_constant(model, graph, int(first.inputs[2]), bias / scale)
    return True


def _reach(kernel, axis):
    """The largest absolute weight of each channel."""
    return np.abs(np.moveaxis(kernel, axis, 0)).reshape(kernel.shape[axis], -1).max(1)


def _along(scale, kernel, axis):
    shape = [1] * kernel.ndim
    shape[axis] = -1
    return scale.reshape(shape)
