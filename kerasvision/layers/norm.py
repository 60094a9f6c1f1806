"""Batch normalization that means the same on one replica and on many."""

import tensorflow as tf
import tf_keras as keras


def batch_norm(name, epsilon=1e-3, momentum=0.9):
    """A BatchNormalization layer for the strategy in scope.

    Ioffe and Szegedy 2015, arXiv:1502.03167. Under several replicas the moments are taken over the whole batch
    (`synchronized`), so that N replicas train as one does; a single replica keeps the faster fused kernel.
    """
    return keras.layers.BatchNormalization(
        momentum=momentum, epsilon=epsilon, synchronized=several_replicas(), name=name
    )


def several_replicas():
    """Whether the strategy in scope trains on more than one replica."""
    return tf.distribute.get_strategy().num_replicas_in_sync > 1
