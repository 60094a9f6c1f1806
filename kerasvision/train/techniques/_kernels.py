"""What compresses kernels: which variables those are, and a rule that holds after every step.

A rule is a projection: after each step it puts every kernel back where it belongs (zeros to zero, clusters to one
value). What it needs to know it reads from the weights themselves, zeros and equal values, so that a backup, the best
weights and a later phase with another graph around the same kernels go on with it without files of their own.
"""

import abc
import re

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.ops.internals import fed_by, takes_tensors

# multiplied with activations of all channels; depthwise kernels, biases and norms are few and matter more
KERNEL = re.compile(r"(^|/)(pointwise_)?kernel(/replica_\d+)?(:\d+)?$")


def kernels(graph, skip=()):
    """(layer's name, variable's name) -> kernel, in the graph's order, of layers that learn.

    skip: "first" leaves out kernels that no other kernel comes before, "last" those that none comes behind.
    """
    found = [(layer, v) for layer in graph.layers if layer.trainable for v in _own(layer)]
    left_out = {id(layer) for where in skip for layer in _ends(graph)[where]}
    return {(layer.name, v.name): v for layer, v in found if id(layer) not in left_out}


def output_axis(layer):
    """Axis of a layer's kernel along which its output channels are."""
    inner = getattr(layer, "layer", layer)  # within quantization's wrapper
    return -2 if "Transpose" in type(inner).__name__ else -1


def _own(layer):
    return [v for v in layer.variables if KERNEL.search(v.name)]


def _ends(graph):
    """ "first" and "last" -> layers with kernels. A layer that several levels share has several inputs."""
    holding = [layer for layer in graph.layers if _own(layer)]
    before = {id(layer): _before(layer) for layer in holding}
    behind_one = {id(b) for found in before.values() for b in found}
    return {
        "first": [layer for layer in holding if not any(_own(b) for b in before[id(layer)])],
        "last": [layer for layer in holding if id(layer) not in behind_one],
    }


def _before(layer):
    """All layers that a layer's inputs come through."""
    found, waiting = {}, [layer]
    while waiting:
        for call in fed_by(waiting.pop()):
            for source in call:
                if id(source) not in found:
                    found[id(source)] = source
                    waiting.append(source)
    return list(found.values())


class Rule(keras.callbacks.Callback, abc.ABC):
    """Abstract: holds a rule on the kernels of `self.model.graph` after every step of a phase."""

    def __init__(self, skip=()):
        super().__init__()
        takes_tensors(self)  # no loss is fetched for this
        self._skip, self._epoch, self._held, self._hold = skip, 0, None, None

    def on_train_begin(self, logs=None):
        self.model.projections.append(self.hold)

    def hold(self):
        """Put the kernels back where they belong, once it is known where that is."""
        if self._hold is not None:
            self._hold()

    @abc.abstractmethod
    def begin(self, held):
        """Key -> kernel, before the first step of this process: read from the weights what the rule is so far."""

    def change(self, held, step, steps):
        """After a step (1 is the phase's first): True if the rule is another one now. Weights are already put back."""
        return False

    @abc.abstractmethod
    def projected(self, key, kernel):
        """A tensor that follows the rule, of this kernel's shape."""

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self._held is None:  # not when training begins: only then are the weights of a backup put in
            self._held = kernels(self.model.graph, self._skip)
            self.begin(self._held)
            self._put_back()

    def on_train_batch_end(self, batch, logs=None):
        per_epoch = self.params["steps"]
        self._hold()
        if self.change(self._held, self._epoch * per_epoch + batch + 1, self.params["epochs"] * per_epoch):
            self._hold()

    def _put_back(self):
        """Compile the rule, and follow it."""

        @tf.function(autograph=False)
        def hold():
            for key, kernel in self._held.items():
                kernel.assign(self.projected(key, tf.convert_to_tensor(kernel)))

        self._hold = hold
        hold()


class KeepZeros(Rule):
    """Weights that are zero stay zero."""

    def begin(self, held):
        arrays = {key: kernel.numpy() for key, kernel in held.items()}
        # a kernel of zeros alone has been initialized so, and is to learn
        self._masks = {key: tf.Variable(a != 0 if a.any() else a == 0, trainable=False) for key, a in arrays.items()}

    def projected(self, key, kernel):
        return tf.where(self._masks[key], kernel, tf.zeros_like(kernel))

    def drop(self, key, mask):
        """More weights to be zero: those where the mask is False."""
        self._masks[key].assign(self._masks[key].numpy() & mask)


MOST_VALUES = 256  # of a kernel, that are taken for clusters


class KeepValues(Rule):
    """Weights of one value keep one value: their mean after a step. Zero stays zero.

    Kernels with more than `MOST_VALUES` values are left alone.
    """

    def begin(self, held):
        self._members = {}
        for key, kernel in list(held.items()):
            values, members = np.unique(kernel.numpy(), return_inverse=True)
            if len(values) > MOST_VALUES:
                del held[key]
            else:
                moves = (values != 0) if values.any() else np.ones(1, bool)
                shares = moves / np.bincount(members.reshape(-1))
                self._members[key] = tf.constant(members.reshape(-1), tf.int32), tf.constant(shares, tf.float64)

    def projected(self, key, kernel):
        members, shares = self._members[key]
        flat = tf.cast(tf.reshape(kernel, [-1]), tf.float64)  # a sum of a million equal float32 is no multiple of one
        means = tf.math.unsorted_segment_sum(flat, members, shares.shape[0]) * shares
        return tf.reshape(tf.gather(tf.cast(means, kernel.dtype), members), kernel.shape)


def sparsity(held):
    """Share of zeros in all of these kernels, [0, 1]."""
    arrays = [kernel.numpy() for kernel in held.values()]
    return sum(int((a == 0).sum()) for a in arrays) / max(1, sum(a.size for a in arrays))


def clustered(held):
    """Whether any of these kernels, if larger than that, has few values."""
    arrays = [kernel.numpy() for kernel in held.values()]
    return any(a.size > MOST_VALUES >= len(np.unique(a)) for a in arrays)
