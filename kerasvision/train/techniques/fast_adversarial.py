"""Adversarial training at twice the cost of a plain step: one step of ascent from a random place of the ball.

"Fast is better than free: Revisiting adversarial training" (Wong, Rice, Kolter 2020, arXiv:2001.03994, algorithm 3 and
section 5.4: catastrophic overfitting, where the network learns to hide from one step alone).
"""

import dataclasses
import itertools
import sys
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.strategy import is_chief
from kerasvision.train.techniques._adversaries import Adversarial, Adversary, Ball, own_loss, reaching

_WATCHED = 4  # batches of the validation split
_ASCENT = 10  # steps that the one is compared with
_SHARE = "validation/one_step_share"


@techniques.register("fast_adversarial")
@dataclasses.dataclass(frozen=True)
class FastAdversarial(Adversarial):
    """step_size: of the one step; 0 is 1.25 * radius, the paper's. radius, norm: as of `Adversarial`.

    After each epoch a guard compares, on the validation split, how far the own loss rises by that step and by ten
    smaller ones (`validation/one_step_share`). A share below `least_share` is catastrophic overfitting: the epoch is
    taken back with its figures, so that it is never the best one, and from there on each batch is moved in `then_steps`
    steps. Without a validation split nobody watches.
    """

    radius: float = 8 / 255
    norm: Ball = "linf"
    step_size: float = 0.0
    least_share: float = 0.5
    then_steps: int = 7

    steps: typing.ClassVar[int] = 1

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.least_share < 1:
            raise UsageError(f"fast_adversarial.least_share={self.least_share:g}; allowed: above 0, below 1")
        if self.then_steps < 2:
            raise UsageError(f"fast_adversarial.then_steps={self.then_steps}; allowed: 2 or more")

    def size_of(self, steps):
        return tf.where(tf.equal(steps, 1), self.step_size or 1.25 * self.radius, reaching(self.radius, steps))

    def score(self, arch, targets, clean):
        return lambda raw: own_loss(arch, targets, raw)

    def given(self, inputs, moved, targets):
        return moved, targets

    def watch(self, arch, graph, views):
        return _Guard(self, arch, graph, views)

    def is_overfitted(self, share):
        """Whether one step finds so small a share of what several find that it is catastrophic overfitting."""
        return share < self.least_share


def share_found(clean, by_one, by_several):
    """How much of a loss's rise by several steps one step finds, float; 1.0 where the loss does not rise."""
    rise = float(np.mean(by_several)) - float(np.mean(clean))
    return (float(np.mean(by_one)) - float(np.mean(clean))) / rise if rise > 1e-9 else 1.0


class _Guard(keras.callbacks.Callback):
    def __init__(self, technique, arch, graph, views):
        super().__init__()
        self._technique, self._arch, self._graph, self._views = technique, arch, graph, views
        self._adversary = Adversary(technique, arch, graph)

    def on_train_begin(self, logs=None):
        self._trained = next(o for o in self.model.observers if isinstance(o, Adversary))

    def on_epoch_begin(self, epoch, logs=None):
        self._healthy = self.model.graph.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        if int(self._trained.steps.numpy()) > 1:
            return
        share = logs[_SHARE] = share_found(*self._losses())
        if not self._technique.is_overfitted(share):
            return
        for name in [n for n in logs if n.startswith("validation/") and n != _SHARE]:
            del logs[name]  # of weights that are gone: nothing may be chosen by them
        self.model.graph.set_weights(self._healthy)
        if self._graph is not self.model.graph:
            self._graph.set_weights(self._healthy)
        self._trained.steps.assign(self._technique.then_steps)
        if is_chief(self.model.distribute_strategy):
            print(
                f"epoch {epoch + 1}: catastrophic overfitting (one step finds {share:.2f} of the rise of the loss that "
                f"{_ASCENT} find, below {self._technique.least_share:g}); the epoch is taken back, and pictures are "
                f"moved in {self._technique.then_steps} steps from here on",
                file=sys.stderr,
                flush=True,
            )

    def _losses(self):
        """Of the pictures, after one step and after several, each float32 [N]."""
        found = [self._of_batch(*batch) for batch in itertools.islice(self._views(), _WATCHED)]
        return (np.concatenate(part) for part in zip(*found, strict=True))

    def _of_batch(self, inputs, targets):
        start = self._technique.begin(tf.shape(inputs["image"]), tf.constant([0, 1]))
        every = [inputs] + [self._adversary.against(inputs, targets, start, tf.constant(n)) for n in (1, _ASCENT)]
        return [own_loss(self._arch, targets, self._adversary.raw(seen)).numpy() for seen in every]
