"""The tensors of a trained graph, looked up in a .tflite that was made of it."""

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.ops.internals import called_with, made_by, quantized_name, unquantized_name

DECODING = "kv_decode"  # name scope of what follows the graph


class TwinGraph:
    """A `Twin` that is asked for tensors of the Keras graph that its file was made of.

    graph: of the same structure; its weights do not matter. The converter keeps the names of layers in the names of
    tensors, and joins those of layers that it makes one operator of; the last one of a name and a shape is the layer's
    output.
    """

    def __init__(self, twin, graph):
        self.twin = twin
        self._graph = graph
        self._traced = {}
        made = [number for node in twin.nodes for number in node.outputs]
        self._made = {number: place for place, number in enumerate(made)}

    def has(self, tensor):
        """Whether the output of a Keras layer is in the file."""
        return self._number(tensor) is not None

    def values(self, prepared, tensors):
        """Prepared inputs by key, [B, ...], and a nest of Keras tensors -> their values in the file, float32 [B, ...]:
        pure TensorFlow, by the inputs of which there is a gradient, and by each value of what is made of it.
        """
        flat = [self._known(tensor) for tensor in tf.nest.flatten(tensors)]
        return tf.nest.pack_sequence_as(tensors, self._found(prepared, tuple(flat)))

    def predicted(self, prepared):
        """Prepared inputs by key, [B, ...] -> what the file answers, by key."""
        return dict(zip(self.twin.outputs, self._found(prepared, tuple(self.twin.outputs.values())), strict=True))

    def _found(self, prepared, numbers):
        prepared = {k: tf.convert_to_tensor(v) for k, v in prepared.items()}
        prepared = {k: tf.cast(v, tf.float32) if v.dtype == tf.uint8 else v for k, v in prepared.items()}
        if next(iter(prepared.values())).shape[0] == 1:
            return self._of_one(prepared, numbers)
        if numbers not in self._traced:
            specs = {k: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for k, v in prepared.items()}
            self._traced[numbers] = tf.function(
                lambda examples: tf.vectorized_map(
                    lambda one: [v[0] for v in self._of_one({k: v[None] for k, v in one.items()}, numbers)],
                    examples,
                    warn=False,
                ),
                input_signature=[specs],
                autograph=False,
            )
        return self._traced[numbers](prepared)

    def _of_one(self, prepared, numbers):
        found = self.twin.values({self.twin.inputs[k]: v for k, v in prepared.items()}, numbers)
        return [tf.convert_to_tensor(found[number]) for number in numbers]

    def _known(self, tensor):
        number = self._number(tensor)
        if number is None:
            raise UsageError(
                f"{self.twin.path}: the output of layer {unquantized_name(made_by(tensor).name)!r} is not in the file; "
                "the converter made one operator of it and what follows"
            )
        return number

    def _number(self, tensor):
        """The number of a Keras tensor in the file, or None: of what an idle layer takes where it has left no trace."""
        number = self._named(tensor)
        while number is None and _is_idle(made_by(tensor)):
            (tensor,) = called_with(tensor)
            number = self._named(tensor)
        return number

    def _named(self, tensor):
        layer = unquantized_name(made_by(tensor).name)
        names, shape = {layer, quantized_name(layer)}, tuple(tensor.shape[1:])
        fitting = [
            number
            for number in self._made
            if self.twin.tensors[number].shape[1:] == shape and _layers(self.twin.tensors[number].name) & names
        ]
        return max(fitting, key=self._made.get, default=None)


def _is_idle(layer):
    """Whether a trained layer gives what it takes, so that the converter leaves it out; one that is wrapped for
    quantization-aware training rounds what it gives, and is left out where that was rounded alike already.
    """
    layer = getattr(layer, "layer", layer)
    linear = isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.linear
    return linear or isinstance(layer, keras.layers.Dropout)


def _layers(name):
    """The parts of a tensor's name, `graph/pool/Mean;graph/relu/Relu`; none of one that has to do with decoding."""
    paths = [path.split("/") for path in name.split(";")]
    return set() if any(path[0] == DECODING for path in paths) else {part for path in paths for part in path}
