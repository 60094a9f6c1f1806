"""A .tflite as the schema's objects, to be changed in place, and its inner tensors over examples."""

import flatbuffers
import numpy as np

from kerasvision.export.targets._tflite_operators import interpreter
from kerasvision.export.twin.reading import named
from kerasvision.ops.internals import lite_schema


def unpacked(content):
    """Bytes of a .tflite -> `ModelT`."""
    return lite_schema().ModelT.InitFromPackedBuf(content)


def packed(model):
    """`ModelT` -> bytes of a .tflite."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def kind_of(model, operator):
    """The name of an operator's kind, such as CONV_2D."""
    code = model.operatorCodes[operator.opcodeIndex]
    return named("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]


def name_of(graph, number):
    """The name of a tensor of a subgraph."""
    return graph.tensors[number].name.decode()


def constant(model, graph, number):
    """The numbers of a constant of a subgraph, an array of its own; None of what is no constant."""
    tensor = graph.tensors[number]
    data = model.buffers[tensor.buffer].data
    if data is None or not len(data):
        return None
    dtype = np.dtype(named("TensorType")[tensor.type].lower())
    return np.frombuffer(bytes(data), dtype).reshape(() if tensor.shape is None else tensor.shape).copy()


def set_constant(model, graph, number, values):
    """Put numbers of the same form in place of a constant's."""
    buffer = model.buffers[graph.tensors[number].buffer]
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)


def observed(content, feeds):
    """For each of the inputs, (signature, {input: array}), a function: number of a tensor of the first subgraph -> its
    value, before the next is asked for.
    """
    runner = interpreter(model_content=content, delegates=False, keeps_all=True)
    for signature, inputs in feeds:
        runner.get_signature_runner(signature)(**inputs)
        yield runner.get_tensor
