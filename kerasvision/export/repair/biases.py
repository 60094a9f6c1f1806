"""Bias correction: what rounded kernels add to a channel on average is taken off its bias.

Nagel et al. 2019 (arXiv:1906.04721, section 4.2): a kernel that is off by e gives, on average, e E[x] too much, where
E[x] is the mean of each input channel; here over the calibration images, in place of the paper's estimate from batch
normalization. Borders that are padded with zeros are taken to be like all other places, as there.
"""

import numpy as np

from kerasvision.export.repair.flatbuffer import constant, kind_of, name_of, observed, packed, set_constant, unpacked

KERNELS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def corrected(content, reference, feeds):
    """(int8 .tflite with corrected biases, how many layers were changed). content: bytes of it. reference: of the float
    file that it was made of. feeds: [(signature, {input: array})].
    """
    mine, theirs = unpacked(content), unpacked(reference)
    if len(mine.subgraphs) > 1:
        return content, 0
    graph, other = mine.subgraphs[0], theirs.subgraphs[0]
    float_of = {name_of(other, int(o.outputs[0])): o for o in other.operators if kind_of(theirs, o) in KERNELS}
    integer = [o for o in graph.operators if _is_integer(mine, graph, o)]
    named = [(o, name_of(graph, int(o.outputs[0]))) for o in integer]
    pairs = [(o, float_of[name]) for o, name in named if name in float_of]
    means = _means(reference, [int(held.inputs[0]) for _, held in pairs], feeds)
    changed = 0
    for operator, held in pairs:
        kernel = constant(theirs, other, int(held.inputs[1]))
        surplus = _surplus(mine, graph, operator, kernel, means[int(held.inputs[0])])
        changed += surplus is not None and _take_off(mine, graph, operator, surplus)
    return (packed(mine), changed) if changed else (content, 0)


def _is_integer(model, graph, operator):
    """Whether it has an int8 kernel and a bias in integers."""
    if kind_of(model, operator) not in KERNELS or len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return False
    kernel, bias = (constant(model, graph, int(number)) for number in operator.inputs[1:3])
    return kernel is not None and bias is not None and kernel.dtype == np.int8 and bias.dtype == np.int32


def _means(reference, numbers, feeds):
    """{number of a tensor: the mean of each of its channels, float64 [C]}."""
    sums, count = dict.fromkeys(numbers, 0.0), 0
    for value_of in observed(reference, feeds):
        count += 1
        for number in sums:
            value = value_of(number)
            sums[number] = sums[number] + value.reshape(-1, value.shape[-1]).mean(0, dtype=np.float64)
    return {number: total / count for number, total in sums.items()}


def _surplus(model, graph, operator, kernel, means):
    """What the rounded kernel adds to each output channel on average, float64 [C]; None where forms differ."""
    rounded = _real(model, graph, int(operator.inputs[1]))
    if kernel is None or kernel.shape != rounded.shape or kernel.shape[-1] != len(means):
        return None
    error = rounded - kernel
    if kind_of(model, operator) == "DEPTHWISE_CONV_2D":
        return (error * means).sum((0, 1, 2))
    return (error * means).reshape(len(error), -1).sum(1)


def _real(model, graph, number):
    grid = graph.tensors[number].quantization
    values = constant(model, graph, number).astype(np.float64)
    scale = np.asarray(grid.scale, np.float64)
    if scale.size == 1:
        return values * scale[0]
    shape = [1] * values.ndim
    shape[int(grid.quantizedDimension)] = -1
    return values * scale.reshape(shape)


def _take_off(model, graph, operator, surplus):
    number = int(operator.inputs[2])
    scale = np.asarray(graph.tensors[number].quantization.scale, np.float64)
    bias, steps = constant(model, graph, number), np.rint(surplus / scale)
    if not steps.any():
        return False
    set_constant(model, graph, number, np.clip(bias - steps, -(2**31), 2**31 - 1).astype(np.int32))
    return True
