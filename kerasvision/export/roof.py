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
MOST = 2**30  # bytes of the copies of all threads
CONV_2D, TYPES = 3, {"float32": 0, "int32": 2, "int8": 9}  # numbers of `schema.fbs`
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
        "bytes_per_s": [[size, _copied(size, threads)] for size in sets_of(threads)],
    }


def sets_of(threads):
    """Bytes of the working set of one of so many threads: `SETS`, the largest less where there are many threads, whose
    copies lie beyond all caches together.
    """
    return tuple(min(size, MOST // threads) for size in SETS)


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
    weights drawn with seed 0, whole numbers; of int8 all scales are 1 / 8 and all zeros 0. Tables and the numbers of
    their fields are those of TensorFlow Lite's `schema.fbs`, version 3.
    """
    import flatbuffers

    weights = np.random.default_rng(0).integers(-8, 8, (channels, 1, 1, channels)).astype(dtype)
    bias = np.zeros(channels, np.float32 if dtype == "float32" else np.int32)
    pixels = np.zeros((1, side, side, channels), dtype)
    rows = [("x", pixels), ("weights", weights), ("bias", bias), ("y", pixels)]
    builder = flatbuffers.Builder()
    empty = _table(builder)
    buffers = [empty, *(_buffer(builder, v) if name in ("weights", "bias") else _table(builder) for name, v in rows)]
    tensors = [_tensor(builder, name, v, number, dtype) for number, (name, v) in enumerate(rows, 1)]
    options = _table(builder, (0, "Int8", 1), *((n, "Int32", 1) for n in (1, 2, 4, 5)))  # no padding, no stride
    ends = [builder.CreateNumpyVector(np.array(held, np.int32)) for held in ([0, 1, 2], [3], [0])]
    operator = _table(builder, (1, "Offset", ends[0]), (2, "Offset", ends[1]), (3, "Uint8", 1), (4, "Offset", options))
    lists = [_vector(builder, held) for held in (tensors, [operator])]
    graph = _table(builder, *((n, "Offset", held) for n, held in enumerate((lists[0], ends[2], ends[1], lists[1]))))
    code = _table(builder, (0, "Int8", CONV_2D), (2, "Int32", 3), (3, "Int32", CONV_2D))  # of the version with int8
    whole = [_vector(builder, held) for held in ([code], [graph], buffers)]
    fields = zip((1, 2, 4), whole, strict=True)
    builder.Finish(_table(builder, (0, "Uint32", 3), *((n, "Offset", held) for n, held in fields)), b"TFL3")
    return bytes(builder.Output())


def _table(builder, *fields):
    """A table of fields (number, type, value)."""
    builder.StartObject(1 + max((number for number, _, _ in fields), default=0))
    for number, kind, value in fields:
        if kind == "Offset":
            builder.PrependUOffsetTRelativeSlot(number, value, 0)
        else:
            getattr(builder, f"Prepend{kind}Slot")(number, value, 0)
    return builder.EndObject()


def _vector(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _buffer(builder, values):
    return _table(builder, (0, "Offset", builder.CreateNumpyVector(np.frombuffer(values.tobytes(), np.uint8))))


def _tensor(builder, name, values, buffer, dtype):
    shape = builder.CreateNumpyVector(np.array(values.shape, np.int32))
    fields = [(0, "Offset", shape), (1, "Int8", TYPES[values.dtype.name]), (2, "Uint32", buffer)]
    fields.append((3, "Offset", builder.CreateString(name)))
    if dtype != "float32":
        count = len(values) if name in ("weights", "bias") else 1
        scale = 1 / 64 if name == "bias" else 1 / 8  # that of the pixels times that of the weights
        scales = builder.CreateNumpyVector(np.full(count, scale, np.float32))
        zeros = builder.CreateNumpyVector(np.zeros(count, np.int64))
        fields.append((4, "Offset", _table(builder, (2, "Offset", scales), (3, "Offset", zeros))))
    return _table(builder, *fields)
