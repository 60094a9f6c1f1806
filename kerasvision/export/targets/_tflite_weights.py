"""What the weights in a .tflite are."""

import numpy as np

from kerasvision.ops.internals import lite_schema


def kernel_zeros(content):
    """Share of zeros among constants of two axes or more in a .tflite; weights have the zero point 0."""
    schema = lite_schema()
    model, names = schema.ModelT.InitFromPackedBuf(content), schema.TensorType
    dtypes = {names.FLOAT32: np.float32, names.FLOAT16: np.float16, names.INT8: np.int8}
    zeros = count = 0
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data) and len(tensor.shape) > 1 and tensor.type in dtypes:
            values = np.frombuffer(bytes(data), dtypes[tensor.type])
            zeros, count = zeros + int((values == 0).sum()), count + values.size
    return zeros / count if count else None


def integer_step(content):
    """The largest scale with which integers of a .tflite become real numbers: a step of what its integer graph answers;
    None where nothing does (all float, or integers to the end).
    """
    schema = lite_schema()
    model, integers = schema.ModelT.InitFromPackedBuf(content), (schema.TensorType.INT8, schema.TensorType.INT16)
    scales = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            if model.operatorCodes[operator.opcodeIndex].builtinCode != schema.BuiltinOperator.DEQUANTIZE:
                continue
            tensor = graph.tensors[operator.inputs[0]]
            is_constant = model.buffers[tensor.buffer].data is not None
            if tensor.type in integers and not is_constant:
                scales += [float(scale) for scale in tensor.quantization.scale]
    return max(scales, default=None)
