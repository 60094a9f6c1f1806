"""Whether two .tflite files are one graph, of which one has its weights in 16 bits."""

import dataclasses

import numpy as np

from kerasvision.ops.internals import lite_schema


def exact_of(exporter, path, job):
    """`Exporter.exact` of an exporter of .tflite files, with the fields `quantize` and the method `content`."""
    if exporter.quantize != "float16":
        return None
    content = dataclasses.replace(exporter, quantize="float32").content(job)
    return content if only_rounded(path.read_bytes(), content) else None


def only_rounded(content, exact):
    """Whether `content` differs from `exact` in this alone: float32 constants are the nearest float16 ones, each with
    an operator that makes float32 of it again. Both are bytes of a .tflite.
    """
    ours, theirs = (_graphs(held) for held in (content, exact))
    if len(ours) != len(theirs):
        return False
    return all(
        len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
        for a, b in zip(ours, theirs, strict=True)
    )


def _graphs(content):
    """Of each subgraph its operators in order, and then its results: tuples of what they are and take."""
    schema = lite_schema()
    model = schema.ModelT.InitFromPackedBuf(content)
    dtypes = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16}
    return [_rows(model, number, dtypes, schema.BuiltinOperator.DEQUANTIZE) for number in range(len(model.subgraphs))]


def _rows(model, number, dtypes, dequantize):
    """What an operator takes is a constant, numpy, or where it comes from: ("in", input) or (operator, its output)."""
    graph = model.subgraphs[number]
    places = {int(tensor): ("in", number) for number, tensor in enumerate(graph.inputs)}

    def taken(tensor):
        tensor = int(tensor)
        if tensor < 0 or tensor in places:
            return places.get(tensor, "none")
        held = graph.tensors[tensor]
        data = model.buffers[held.buffer].data
        content = b"" if data is None else bytes(data)
        return np.frombuffer(content, dtypes.get(held.type, np.uint8)).reshape(-1), tuple(map(int, held.shape))

    rows = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = code.builtinCode, code.customCode
        inputs = [taken(tensor) for tensor in operator.inputs]
        if code.builtinCode == dequantize and not isinstance(inputs[0][0], (str, int)):
            places[int(operator.outputs[0])] = inputs[0]  # a constant, still
            continue
        places |= {int(tensor): (len(rows), number) for number, tensor in enumerate(operator.outputs)}
        custom = None if operator.customOptions is None else bytes(operator.customOptions)
        rows.append((name, _spelled(operator.builtinOptions), custom, inputs))
    named = []  # what a signature calls them
    for signature in (s for s in model.signatureDefs or () if s.subgraphIndex == number):
        held = sorted((m.name, int(m.tensorIndex)) for m in (*signature.inputs, *signature.outputs))
        named += [(signature.signatureKey, name, taken(tensor)) for name, tensor in held]
    ends = [("named", key, name, [place]) for key, name, place in named]
    return [*rows, *ends, ("out", None, None, [taken(tensor) for tensor in graph.outputs])]


def _spelled(options):
    return (
        None
        if options is None
        else (type(options).__name__, {k: np.asarray(v).tolist() for k, v in vars(options).items()})
    )


def _same(one, other):
    return one[:3] == other[:3] and len(one[3]) == len(other[3]) and all(map(_alike, one[3], other[3]))


def _alike(one, other):
    """Of a rounded graph's input, and the exact one's."""
    if not isinstance(one[0], np.ndarray) or not isinstance(other[0], np.ndarray):
        return not isinstance(one[0], np.ndarray) and not isinstance(other[0], np.ndarray) and one == other
    (values, shape), (exact, wanted) = one, other
    if shape != wanted or len(values) != len(exact):
        return False
    if values.dtype == np.float16 and exact.dtype == np.float32:
        with np.errstate(over="ignore"):
            return np.array_equal(values, exact.astype(np.float16), equal_nan=True)
    return values.dtype == exact.dtype and values.tobytes() == exact.tobytes()
