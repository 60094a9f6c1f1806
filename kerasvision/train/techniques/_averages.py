"""Averages of weights over training, that take the place of the weights whenever an epoch is judged."""

import abc

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.ops.graphs import unwrapped
from kerasvision.ops.internals import takes_tensors


class WeightAverage(keras.callbacks.Callback, abc.ABC):
    """Abstract. Keeps a second copy of every variable of the graph, batch normalization's statistics among them, but
    not of those that a schedule sets. Where kernels follow a rule (zeros, clusters), their average is made to follow
    it too.

    At the end of an epoch the two change places, so that evaluating, keeping the best and backing up see the average;
    at the beginning of the next one they change back. The copy and whether they have changed places are variables of
    the learner: backups hold them, and a restart goes on as if nothing had happened.
    """

    def __init__(self):
        super().__init__()
        takes_tensors(self)  # no step waits for its loss

    def on_train_begin(self, logs=None):
        learner = self.model
        if hasattr(learner, "averaged_weights"):
            raise KerasVisionError("two techniques of one phase average the weights (ema, swa); keep one of them")
        scheduled = [layer for layer in learner.graph.layers if getattr(unwrapped(layer), "scheduled", False)]
        left_out = {id(v) for layer in scheduled for v in layer.weights}
        self._weights = [v for v in learner.graph.variables if id(v) not in left_out]
        with learner.distribute_strategy.scope():
            # before BackupAndRestore begins, which is the last callback: it restores these as well
            learner.averaged_weights = [tf.Variable(v, trainable=False, name="average") for v in self._weights]
            learner.averages_taken = tf.Variable(0, trainable=False, dtype=tf.int64, name="averages_taken")
            learner.averages_shown = tf.Variable(False, trainable=False, name="averages_shown")
        self._averages = list(learner.averaged_weights)
        self._move = tf.function(self._moved, autograph=False)
        self._exchange = tf.function(self._exchanged, autograph=False)

    def on_epoch_begin(self, epoch, logs=None):
        if self.model.averages_shown.numpy():
            self._exchange()
            self.model.averages_shown.assign(False)

    def on_epoch_end(self, epoch, logs=None):
        if self.model.averages_taken.numpy():
            self._exchange()
            for project in self.model.projections:
                project()
            self.model.averages_shown.assign(True)

    def take(self, share):
        """Move the average towards the weights by this share of the way, float."""
        self._move(tf.constant(share, tf.float32))
        self.model.averages_taken.assign_add(1)

    def _moved(self, share):
        for average, weight in zip(self._averages, self._weights, strict=True):
            if average.dtype.is_floating:
                average.assign(average + tf.cast(share, average.dtype) * (weight - average))
            else:
                average.assign(weight)

    def _exchanged(self):
        held = [(tf.identity(a), tf.identity(w)) for a, w in zip(self._averages, self._weights, strict=True)]
        with tf.control_dependencies([t for pair in held for t in pair]):
            for (average, weight), a, w in zip(held, self._averages, self._weights, strict=True):
                a.assign(weight)
                w.assign(average)
