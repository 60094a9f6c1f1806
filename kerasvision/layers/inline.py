"""One graph inside another, its layers among the other's: the whole stays flat."""

import tensorflow as tf
import tf_keras as keras


def inlined(graph, inputs, before):
    """A functional graph over other Keras tensors: its output, as it is structured. Weights are fresh.

    inputs: name of an input -> Keras tensor. before: what begins the names of the copied layers.
    """

    def renamed(layer):
        return type(layer).from_config(layer.get_config() | {"name": before + layer.name})

    copy = keras.models.clone_model(graph, clone_function=renamed)
    # `call` runs layer by layer, so that what is made here is made of the copied layers and not of a model
    return copy.call({t.name: inputs[t.name] for t in tf.nest.flatten(graph.input)})
