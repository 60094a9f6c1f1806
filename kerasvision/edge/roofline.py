"""How many multiplications and bytes a second this processor reaches, by small kernels: its roofline (Williams,
Waterman and Patterson 2009, "Roofline: an insightful visual performance model for multicore architectures").

Multiplications: a 1 x 1 convolution in LiteRT, in float32 and in int8, whose weights and pixels lie in the cache; what
hand-written kernels reach there, not what a data sheet says. Bytes: copies in numpy, read and written ones together,
within the nearest cache, within the last and beyond them.
"""

import concurrent.futures
import time

import numpy as np

SIDE, CHANNELS = 32, 256  # of the convolution: 67 million multiplications and additions
SETS = (2**18, 2**22, 2**26)  # bytes that a copy reads and writes
TURNS = 20
LEAST_S = 1e-3  # of a turn of copies: shorter ones are repeated within it


def measured(threads=1):
    """{"threads", "macs_per_s": {"float32", "int8"}, "bytes_per_s": [[bytes of the working set, rate], ...]}: the best
    of `TURNS` turns each.
    """
    macs = SIDE * SIDE * CHANNELS * CHANNELS
    return {
        "threads": threads,
        "macs_per_s": {dtype: macs / _least(_running(kernel(dtype), threads)) for dtype in ("float32", "int8")},
        "bytes_per_s": [[size, _copied(size, threads)] for size in SETS],
    }


def in_words(roof):
    """One line about what `measured` gave."""
    macs = " and ".join(f"{rate / 1e9:.3g} {dtype}" for dtype, rate in roof["macs_per_s"].items())
    rates = ", ".join(f"{rate / 1e9:.3g} within {_size(size)}" for size, rate in roof["bytes_per_s"])
    return f"{roof['threads']} threads: {macs} GMAC/s; GB/s: {rates}"


def _size(count):
    return f"{count // 2**20} MB" if count >= 2**20 else f"{count // 2**10} kB"


def _least(run):
    run()
    times = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


def _running(content, threads):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=content, num_threads=threads)
    runner.allocate_tensors()
    row = runner.get_input_details()[0]
    drawn = np.random.default_rng(0).integers(-100, 100, row["shape"]).astype(row["dtype"])
    runner.set_tensor(row["index"], drawn)
    return runner.invoke


def _copied(size, threads):
    """Bytes a second that so many copies at once read and write."""
    pairs = [(np.zeros(size // 2, np.uint8), np.ones(size // 2, np.uint8)) for _ in range(threads)]
    begun = time.perf_counter()
    _copies(pairs[0], 1)
    repeats = max(1, round(LEAST_S / max(time.perf_counter() - begun, 1e-9)))
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        spent = _least(lambda: list(pool.map(_copies, pairs, [repeats] * threads)))
    return threads * repeats * size / spent


def _copies(pair, repeats):
    for _ in range(repeats):
        np.copyto(*pair)


def kernel(dtype, side=SIDE, channels=CHANNELS):
    """The bytes of a .tflite of one 1 x 1 convolution: [1, side, side, channels] of float32 or int8 -> the same, with
    weights drawn with seed 0, whole numbers; of int8 all scales are 1 / 8 and all zeros 0.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    weights = np.random.default_rng(0).integers(-8, 8, (channels, 1, 1, channels)).astype(dtype)
    bias = np.zeros(channels, np.float32 if dtype == "float32" else np.int32)
    shape = (1, side, side, channels)
    rows = [("x", shape, dtype, None), ("weights", weights.shape, dtype, weights)]
    rows += [("bias", bias.shape, bias.dtype.name, bias), ("y", shape, dtype, None)]
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    graph.tensors = [_tensor(schema, model, *row) for row in rows]
    graph.inputs, graph.outputs = [0], [3]
    code, operator, options = schema.OperatorCodeT(), schema.OperatorT(), schema.Conv2DOptionsT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 3  # from which on it takes int8
    options.padding = schema.Padding.VALID
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    model.operatorCodes, graph.operators = [code], [operator]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(schema, model, name, shape, dtype, constant):
    held, buffer = schema.TensorT(), schema.BufferT()
    held.name, held.shape, held.type = name, list(shape), getattr(schema.TensorType, dtype.upper())
    held.buffer = len(model.buffers)
    if constant is not None:
        buffer.data = np.frombuffer(constant.tobytes(), np.uint8)
    if dtype != "float32":
        grid = schema.QuantizationParametersT()
        count = shape[0] if name in ("weights", "bias") else 1
        scale = 1 / 64 if name == "bias" else 1 / 8  # that of the pixels times that of the weights
        grid.scale, grid.zeroPoint, grid.quantizedDimension = [scale] * count, [0] * count, 0
        held.quantization = grid
    model.buffers.append(buffer)
    return held
