"""Batch normalization that means the same on one replica and on many, and layer normalization for integers."""

import tensorflow as tf
import tf_keras as keras

from kerasvision.ops.internals import synchronize


def batch_norm(name, epsilon=1e-3, momentum=0.9, gamma="ones", affine=True):
    """A BatchNormalization layer for the strategy in scope.

    Ioffe and Szegedy 2015, arXiv:1502.03167. Under several replicas the moments are taken over the whole batch
    (`synchronized`), so that N replicas train as one does; a single replica keeps the faster fused kernel. gamma: the
    initial scale, "zeros" for a residual branch that starts as nothing. affine: whether scale and shift are learned.
    """
    return keras.layers.BatchNormalization(
        momentum=momentum,
        epsilon=epsilon,
        center=affine,
        scale=affine,
        gamma_initializer=gamma,
        synchronized=several_replicas(),
        name=name,
    )


def several_replicas():
    """Whether the strategy in scope trains on more than one replica."""
    return tf.distribute.get_strategy().num_replicas_in_sync > 1


def count_all_replicas(graph):
    """Make every batch normalization of a graph that is about to train on several replicas mean what it does on one.

    The moments are taken over the whole batch, and the moving variance gets Bessel's correction n / (n - 1), n values
    of a channel: the fused kernel of a single replica has it, Keras's synchronized layer does not, and the two would
    be evaluated with variances 4e-3 apart after eight steps on 8x8 images.
    """
    for layer in graph.submodules:
        if isinstance(layer, keras.layers.BatchNormalization):
            synchronize(layer, _bessel)


def _bessel(variance, count):
    """count: values of a channel on one of the replicas, which all have as many."""
    count *= tf.distribute.get_strategy().num_replicas_in_sync
    return variance * count / (count - 1)


@keras.utils.register_keras_serializable("kerasvision")
class LayerNorm(keras.layers.LayerNormalization):
    """Ba, Kiros, Hinton 2016, arXiv:1607.06450. Quantization-aware training watches its output; in integer files it
    stays float, as the squares of its input have another range than the input.
    """

    quantize_output_only = True
    stays_float = True
