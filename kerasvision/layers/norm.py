"""Batch normalization that means the same on one replica and on many."""

import math
import threading

import tensorflow as tf
import tf_keras as keras


def batch_norm(name, epsilon=1e-3, momentum=0.9, gamma="ones"):
    """A BatchNormalization layer for the strategy in scope.

    Ioffe and Szegedy 2015, arXiv:1502.03167. Under several replicas the moments are taken over the whole batch
    (`synchronized`), so that N replicas train as one does; a single replica keeps the faster fused kernel. gamma: the
    initial scale, "zeros" for a residual branch that starts as nothing.
    """
    return keras.layers.BatchNormalization(
        momentum=momentum, epsilon=epsilon, gamma_initializer=gamma, synchronized=several_replicas(), name=name
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
            layer.synchronized, layer.fused = True, False
            if "_assign_moving_average" not in vars(layer):  # else an earlier phase has done so
                _correct_moving_variance(layer)


def _correct_moving_variance(layer):
    moments, assign = layer._calculate_mean_and_var, layer._assign_moving_average
    held = threading.local()  # each replica is traced in a thread of its own

    def counted(inputs, reduction_axes, keep_dims, mask=None):
        shape = tf.shape(inputs)
        sides = [inputs.shape[a] if inputs.shape[a] is not None else shape[a] for a in reduction_axes]
        held.count = tf.cast(math.prod(sides), inputs.dtype) * tf.distribute.get_strategy().num_replicas_in_sync
        return moments(inputs, reduction_axes, keep_dims, mask=mask)

    def corrected(variable, value, momentum, inputs_size):
        if variable is layer.moving_variance:
            value = value * held.count / (held.count - 1)
        return assign(variable, value, momentum, inputs_size)

    layer._calculate_mean_and_var, layer._assign_moving_average = counted, corrected
