"""A file's place below the roofline of a processor (`export.roof`)."""

import pathlib

import numpy as np

from kerasvision.export.inspection import macs
from kerasvision.export.targets.tflite import DEFAULT
from kerasvision.export.twin.reading import kinds_and_signatures, read

BRANCHING = ("WHILE", "IF", "CALL", "CALL_ONCE")
NUMBERS = ("float32", "float16", "float64", "int8", "uint8", "int16", "int32", "uint32", "int64", "bool", "int4")
INTEGERS = ("int4", "int8", "uint8")  # weights whose products are those of int8, whatever the pixels are stored in


def placed(path, milliseconds, roof):
    """{"macs", "moved_bytes", "macs_per_s", "roof_ms", "of_roof"} of a .tflite that takes so many milliseconds; {} of
    what is not counted here: an .onnx, a .tflite without a signature serving_default, one with loops or branches, whose
    bodies run as often as the input says, and one with tensors that are no numbers.

    roof: of `export.roof.measured`. moved_bytes: of all that its operators take and make. roof_ms: the sum over
    operators of what the slower of the two takes at best, multiplying or moving; of_roof: in parts of `milliseconds`.
    An operator that LiteRT joins with another moves less than is counted, so a small file may come above 1; what
    depends on the size of the picture (`tflite:...:any`) is counted as of one pixel.
    """
    if pathlib.Path(path).suffix != ".tflite":
        return {}
    kinds, signatures = kinds_and_signatures(pathlib.Path(path))
    if DEFAULT not in signatures or kinds & set(BRANCHING):
        return {}
    nodes = read(pathlib.Path(path), DEFAULT).nodes
    if not all(
        tensor.dtype in NUMBERS for node in nodes for tensor in (*node.takes, *node.makes) if tensor is not None
    ):
        return {}
    costs = [_cost(node) for node in nodes]
    spent = sum(least_seconds(*cost, roof) for cost in costs)
    total = sum(count for _, count, _ in costs)
    return {
        "macs": total,
        "moved_bytes": sum(size for _, _, size in costs),
        "macs_per_s": 1000 * total / milliseconds,
        "roof_ms": 1000 * spent,
        "of_roof": 1000 * spent / milliseconds,
    }


def least_seconds(dtype, count, size, roof):
    """Seconds that `count` multiplications of a dtype and `size` moved bytes take at best, the slower of both. Bytes
    move at the rate of the largest working set that is no larger than they are.
    """
    within = [rate for most, rate in roof["bytes_per_s"] if most <= size]
    rate = within[-1] if within else roof["bytes_per_s"][0][1]
    return max(count / roof["macs_per_s"][dtype], size / rate)


def _cost(node):
    """(dtype of its products, multiplications, bytes that it takes and makes) of an operator."""
    tensors = [tensor for tensor in (*node.takes, *node.makes) if tensor is not None]
    size = sum(int(np.prod(tensor.shape)) * np.dtype(tensor.dtype).itemsize for tensor in tensors)
    weights = node.takes[1] if len(node.takes) > 1 else None
    dtype = "int8" if weights is not None and weights.dtype in INTEGERS else "float32"
    return dtype, macs(node), size
