"""Takes a published functional model apart and applies its layers, renamed, to another tensor: a flat graph."""

import re

import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.weights import PREFIX
from kerasvision.layers.norm import several_replicas

_PREPROCESSING = (keras.layers.InputLayer, keras.layers.Rescaling, keras.layers.Normalization)
_NUMBERED = re.compile(
    r"(activation|add|average_pooling2d|batch_normalization|concatenate|conv2d|layer_normalization|max_pooling2d|"
    r"multiply|re_lu|zero_padding2d|tf[\w.]*?)(?:_(\d+))?"
)


def stable_names(names):
    """Published layer name -> name that is the same in every build.

    Keras numbers unnamed layers by process (`conv2d_94`), so they are numbered anew from 0, in the same order.
    """
    numbered = {n: m for n in names if (m := _NUMBERED.fullmatch(n))}
    stable = {n: n.replace("/", "_") for n in names if n not in numbered}
    count = {}
    for name, match in sorted(numbered.items(), key=lambda item: int(item[1][2] or 0)):
        kind = match[1]
        stable[name] = f"{kind}_{count.setdefault(kind, 0)}"
        count[kind] += 1
    return stable


def clone(layer, name):
    """A fresh layer of the same configuration, for the strategy in scope."""
    config = layer.get_config() | {"name": name}
    if isinstance(layer, keras.layers.BatchNormalization):
        config["synchronized"] = several_replicas()
    return type(layer).from_config(config)


def replay(published, x, exchange=clone):
    """Apply the layers of `published` to x. Returns stable name -> output tensor.

    The model's own preprocessing is left out. exchange: (layer, new name) -> the layer to apply instead, or None to
    pass the input on.
    """
    names = stable_names([layer.name for layer in published.layers])
    tensors, outputs = {}, {}
    for layer in published.layers:  # in topological order, each used once
        if isinstance(layer, keras.layers.InputLayer):
            y = x
        else:
            fresh = None if isinstance(layer, _PREPROCESSING) else exchange(layer, PREFIX + names[layer.name])
            fed = tf.nest.map_structure(lambda t: tensors[id(t)], layer.input)
            y = fed if fresh is None else fresh(fed)
        tensors[id(layer.output)] = outputs[names[layer.name]] = y
    return outputs


def named_weights(published):
    """New layer name -> arrays, of every layer of `published` that has weights."""
    names = stable_names([layer.name for layer in published.layers])
    return {
        PREFIX + names[layer.name]: layer.get_weights()
        for layer in published.layers
        if layer.weights and not isinstance(layer, _PREPROCESSING)
    }
