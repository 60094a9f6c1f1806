"""What can be said of a Keras graph by its layers, without importing TensorFlow."""


def is_quantized(graph):
    """Whether quantization-aware training has put its layers into this graph."""
    return any(type(layer).__name__.startswith("Quantize") for layer in graph.layers)
