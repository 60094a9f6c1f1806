"""Answers of single senses beside a model's own, while it is trained: heads on what looks at one sense alone."""

import math

import tensorflow as tf
import tf_keras as keras

from kerasvision.ops.graphs import seen_by_one
from kerasvision.ops.internals import unquantized_name

MARK = "senses/"  # first part of a raw output's or target's name that is the technique's own
STATE = f"{MARK}state"
FIGURES = ("gradient", "alone", "factor")  # what is recorded of each sense


@keras.utils.register_keras_serializable("kerasvision")
class PartOfGradient(keras.layers.Layer):
    """x -> x, whose gradient is multiplied by `share`."""

    quantize_output_only = True

    def __init__(self, share, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.share = share

    def call(self, x):
        return self.share * x + (1.0 - self.share) * tf.stop_gradient(x)

    def get_config(self):
        return super().get_config() | {"share": self.share}


@keras.utils.register_keras_serializable("kerasvision")
class SenseState(keras.layers.Layer):
    """Any [B, ...] -> [B] of 0: no more than a place in the graph for weights that replicas share and backups have.

    senses: their M names. factors float32 [M]: of each sense's learning rate. sums, counts [3, M]: of `FIGURES`, since
    the epoch began. steps: int64, of the phase.
    """

    quantize_output_only = True
    scheduled = True  # nothing to average

    def __init__(self, senses, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype="float32")
        self.senses = tuple(senses)

    def build(self, input_shape):
        options = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        every = (len(FIGURES), len(self.senses))
        self.factors = self.add_weight("factors", shape=(len(self.senses),), initializer="ones", **options)
        self.sums = self.add_weight("sums", shape=every, initializer="zeros", **options)
        self.counts = self.add_weight("counts", shape=every, initializer="zeros", **options)
        self.steps = self.add_weight("steps", shape=(), initializer="zeros", dtype=tf.int64, **options)
        super().build(input_shape)

    def call(self, x):
        return tf.zeros(tf.shape(x)[:1])

    def record(self, figure, values, there):
        """Add a step's values [M] of one figure, of those senses that are `there`, float32 [M] of 0 or 1."""
        row = tf.one_hot(FIGURES.index(figure), len(FIGURES))[:, tf.newaxis]
        self.sums.assign_add(row * tf.where(there > 0, values, 0.0))
        self.counts.assign_add(row * there)

    def get_config(self):
        return super().get_config() | {"senses": list(self.senses)}


def with_heads(arch, graph, share):
    """A graph with raw outputs `senses/SENSE/KEY` like each KEY of its own, of a dense layer on what is known of one
    sense, and `senses/state`. share: of the heads' gradients, that goes on into the senses.
    """
    own, extra = own_outputs(graph.output), {}
    _, ends = seen_by_one(graph, arch.sense_inputs, own)
    for sense, held in ends.items():
        vectors = [_vector(x, f"senses_{sense}_{number}") for number, x in enumerate(held)]
        x = keras.layers.Concatenate(name=f"senses_{sense}")(vectors) if len(vectors) > 1 else vectors[0]
        x = PartOfGradient(share, name=f"senses_{sense}_part")(x)
        for key, tensor in own.items():
            shape, name = tuple(tensor.shape[1:]), f"senses_{sense}_{key}"
            made = keras.layers.Dense(math.prod(shape), name=name)(x)
            extra[head(sense, key)] = keras.layers.Reshape(shape, name=f"{name}_shaped")(made)
    extra[STATE] = SenseState(tuple(ends), name="senses_state")(next(iter(own.values())))
    return keras.Model(graph.input, graph.output | extra, name=graph.name)


def head(sense, key):
    """The raw output of one sense's head that is like another."""
    return f"{MARK}{sense}/{key}"


def own_outputs(held):
    """Without what the technique has added. held: a dict by raw key or by key of a target."""
    return {key: value for key, value in held.items() if not key.startswith(MARK)}


def state_of(graph):
    """Its `SenseState`, also within the wrapper of quantization-aware training."""
    (layer,) = [layer for layer in graph.layers if unquantized_name(layer.name) == "senses_state"]
    return getattr(layer, "layer", layer)


def own_layers(arch, graph):
    """Name of each layer that looks at one sense alone -> the number of the sense. Heads are none of them."""
    senses = list(arch.sense_inputs)
    found, _ = seen_by_one(graph, arch.sense_inputs, own_outputs(graph.output))
    return {name: senses.index(sense) for name, sense in found.items()}


def _vector(x, name):
    """[B, ..., C] -> [B, C], the mean over positions."""
    if len(x.shape) == 4:
        return keras.layers.GlobalAveragePooling2D(name=f"{name}_pooled")(x)
    return x
