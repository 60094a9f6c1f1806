"""What is in a .tflite: operators and what they cost, tensors and their grids, memory, weights, metadata, and what to
look at twice. `kerasvision inspect` prints it.
"""

import collections
import dataclasses
import gzip
import hashlib
import importlib.metadata
import io
import json
import pathlib
import zipfile

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.edge import EdgeError
from kerasvision.edge.runtimes import check_tflite, open_runtime
from kerasvision.export.targets._tflite_operators import operators_beyond_xnnpack
from kerasvision.export.targets.tflite import DEFAULT
from kerasvision.export.twin.reading import read
from kerasvision.ops.internals import lite_schema

# Operators of LiteRT's GPU delegate, as its documentation of 2024 lists them: a forecast, not a measurement
GPU_LIST = "LiteRT's documentation of 2024"
GPU_OPERATORS = frozenset(
    (
        *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXP", "FULLY_CONNECTED", "LSTM"),
        *("LOGICAL_AND", "LOGISTIC", "MAX_POOL_2D", "MAXIMUM", "MINIMUM", "MUL", "PAD", "PRELU", "RELU", "RELU6"),
        *("RESHAPE", "RESIZE_BILINEAR", "SOFTMAX", "STRIDED_SLICE", "SUB", "TRANSPOSE_CONV"),
    )
)
ALIGNMENT = 64  # of tensors in LiteRT's arena, in bytes
WEIGHING = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "CONV_3D")  # operators with kernels


def inspect(path):
    """What `path` holds, as JSON: `file`, `inputs`, `outputs`, `operators`, `macs`, `weights`, `arena_bytes`,
    `beyond_xnnpack`, `beyond_gpu`, `tensors`, `metadata`, `contract`, `warnings`. Raises KerasVisionError of a file
    that is no .tflite or cannot be opened.
    """
    path = pathlib.Path(path)
    try:
        check_tflite(path)
        runtime = open_runtime(path)
    except EdgeError as error:
        raise KerasVisionError(str(error)) from None
    content, held = path.read_bytes(), read(path, DEFAULT)
    contract = _contract(path, content)
    return {
        "file": {
            "path": str(path),
            "bytes": len(content),
            "gzip_bytes": len(gzip.compress(content, 9)),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        "inputs": runtime.inputs,
        "outputs": runtime.outputs,
        "operators": _operators(held),
        "macs": sum(macs(node) for node in held.nodes),
        "weights": _weights(held),
        "arena_bytes": arena_bytes(held),
        "beyond_xnnpack": {"litert": _litert(), "operators": operators_beyond_xnnpack(path)},
        "beyond_gpu": {"list": GPU_LIST, "operators": sorted({n.kind for n in held.nodes} - GPU_OPERATORS)},
        "tensors": [_tensor(tensor) for tensor in held.tensors],
        "metadata": _metadata(content),
        "contract": contract,
        "warnings": [*_warnings(held, runtime.delegate), *_beside(path, contract)],
    }


def _litert():
    return f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}"


def _operators(held):
    """{name: {"count", "macs"}}, the dearest first."""
    rows = {}
    for node in held.nodes:
        row = rows.setdefault(node.kind, {"count": 0, "macs": 0})
        row["count"] += 1
        row["macs"] += macs(node)
    return dict(sorted(rows.items(), key=lambda item: (-item[1]["macs"], item[0])))


def macs(node):
    """Multiplications and additions of one operator: of convolutions, of fully connected ones and of products of
    matrices; 0 of all others. node: `twin.reading.Node`.
    """
    made = int(np.prod(node.makes[0].shape)) if node.makes else 0
    if node.kind in ("CONV_2D", "CONV_3D"):
        kernel = node.takes[1].shape
        return made * int(np.prod(kernel[1:] if node.kind == "CONV_2D" else kernel[:4]))
    if node.kind == "DEPTHWISE_CONV_2D":
        return made * int(np.prod(node.takes[1].shape[1:3]))
    if node.kind == "FULLY_CONNECTED":
        return made * node.takes[1].shape[1]
    if node.kind == "TRANSPOSE_CONV":  # takes: the result's shape, kernel [out, h, w, in], input
        return int(np.prod(node.takes[2].shape)) * int(np.prod(node.takes[1].shape[:3]))
    if node.kind == "BATCH_MATMUL":
        return made * node.takes[0].shape[-2 if node.options.adjX else -1]
    return 0


def _weights(held):
    """{"count", "bytes", "by_dtype": {dtype: numbers}} of the constants."""
    constants = [tensor for tensor in held.tensors if tensor.constant is not None]
    by_dtype = collections.Counter()
    for tensor in constants:
        by_dtype[tensor.dtype] += tensor.constant.size
    count, size = sum(by_dtype.values()), sum(t.constant.nbytes for t in constants)
    return {"count": count, "bytes": size, "by_dtype": dict(sorted(by_dtype.items()))}


def arena_bytes(held):
    """Bytes in which all tensors that are alive together have a place: LiteRT's own plan, greedy by size (Pisarchyk and
    Lee 2020, arXiv:2001.03288). held: `twin.reading.Contents`.
    """
    last = len(held.nodes)
    spans = {number: [-1, -1] for number in held.inputs.values()}
    for turn, node in enumerate(held.nodes):
        for number in node.outputs:
            spans.setdefault(number, [turn, turn])
        for number in node.inputs:
            if number in spans:
                spans[number][1] = turn
    for number in held.outputs.values():
        if number in spans:
            spans[number][1] = last
    sizes = {number: _aligned(_bytes(held.tensors[number])) for number in spans}
    placed = []
    for number in sorted(spans, key=lambda n: (-sizes[n], spans[n][0])):
        begin, end = spans[number]
        offset = 0
        for other, size, first, final in sorted(placed):
            if first <= end and begin <= final:
                if other - offset >= sizes[number]:
                    break
                offset = max(offset, other + size)
        placed.append((offset, sizes[number], begin, end))
    return max((offset + size for offset, size, _, _ in placed), default=0)


def _bytes(tensor):
    return int(np.prod(tensor.shape)) * np.dtype(tensor.dtype).itemsize


def _aligned(size):
    return -(-size // ALIGNMENT) * ALIGNMENT


def _tensor(tensor):
    row = {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}
    if tensor.constant is not None:
        row["constant"] = True
    if tensor.is_quantized:
        row["scales"] = [float(tensor.scale.min()), float(tensor.scale.max())]
        row["zero_points"] = sorted({int(zero) for zero in tensor.zero})
        row["channels"], row["axis"] = len(tensor.scale), tensor.axis
    return row


def _metadata(content):
    """{"names": of the buffers of metadata, "files": packed behind the model}."""
    model = lite_schema().ModelT.InitFromPackedBuf(content)
    names = [row.name.decode() for row in model.metadata or ()]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {"names": names, "files": archive.namelist()}
    except zipfile.BadZipFile:
        return {"names": names, "files": []}


def _contract(path, content):
    """What contract.json beside a file says of it, or None: `kind`, `classes` and a checksum of `preprocess`."""
    try:
        contract = json.loads((path.parent / "contract.json").read_text(encoding="utf-8"))
        digest = hashlib.sha256(content).hexdigest()
        row = next((row for row in contract["artifacts"] if row["sha256"] == digest), None)
        rules = json.dumps(contract["preprocess"], sort_keys=True, separators=(",", ":"))
        held = {"classes": len(contract["classes"]), "preprocess": hashlib.sha256(rules.encode()).hexdigest()[:16]}
        return held | {"kind": row["kind"] if row else None}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _beside(path, contract):
    if contract is None:
        yield "no contract.json beside it: a client does not know how to prepare a picture"
    elif contract["kind"] is None:
        yield "contract.json beside it is another file's: the sha256 differs"
    if contract is not None and not (path.parent / "labels.txt").exists():
        yield "no labels.txt beside it"


def _warnings(held, delegate):
    if delegate == "none":
        yield "XNNPACK refuses it, so it runs on plain kernels, many times slower"
    for tensor in held.tensors:
        if tensor.is_quantized and not (tensor.scale > 0).all():
            yield f"{tensor.name}: {int((tensor.scale <= 0).sum())} of {len(tensor.scale)} scales are 0"
    if any(t.is_quantized and t.dtype == "int16" and t.constant is None for t in held.tensors):
        yield "its activations are int16, for which XNNPACK has no kernels: plain ones are many times slower"
    for node in held.nodes:
        if node.kind in WEIGHING and len(node.takes) > 1 and node.takes[1].constant is not None:
            dead = dead_channels(node)
            if len(dead):
                shown = ", ".join(map(str, dead[:8])) + (", ..." if len(dead) > 8 else "")
                yield f"{node.takes[1].name}: {len(dead)} output channels are dead, all weights 0: {shown}"


def dead_channels(node):
    """Indices of the output channels of a kernel whose weights all stand for 0."""
    kernel = node.takes[1]
    axis = {"DEPTHWISE_CONV_2D": 3, "CONV_3D": 4}.get(node.kind, 0)
    if kernel.constant.ndim <= axis:
        return np.array([], int)
    values = np.moveaxis(kernel.real(kernel.constant), axis, 0).reshape(kernel.shape[axis], -1)
    return np.flatnonzero(~values.any(1))


@dataclasses.dataclass(frozen=True)
class Difference:
    """Of an operator: how many of it each of two files has."""

    operator: str
    mine: int
    other: int


def differences(mine, other):
    """[`Difference`] of two reports of `inspect` whose counts differ."""
    names = sorted({*mine["operators"], *other["operators"]})
    counted = [(n, *(r["operators"].get(n, {"count": 0})["count"] for r in (mine, other))) for n in names]
    return [Difference(*row) for row in counted if row[1] != row[2]]
