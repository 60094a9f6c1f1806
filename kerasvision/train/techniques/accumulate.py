"""Gradient accumulation: several small steps update the weights once, as one step on a large batch would.

As in "Scaling Neural Machine Translation" (Ott, Edunov, Grangier, Auli 2018, arXiv:1806.00187), with the mean of the
gradients of several batches.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.ops.internals import is_built, mark_built, on_each_replica, variable_index
from kerasvision.train.optim import with_rate
from kerasvision.train.techniques.base import Technique


@techniques.register("accumulate")
@dataclasses.dataclass(frozen=True)
class Accumulate(Technique):
    """steps: batches whose mean gradient makes one update. For batches that do not fit into memory.

    The optimizer, its warm-up and its schedule count updates; epochs, backups and messages count batches. Clipping sees
    the mean gradient. What is left when a phase ends amid a group is dropped. Batch normalizations still take their
    moments over each small batch, and move their averages with each, so only a graph without them trains exactly as on
    the large batch. Under float16 a group with a gradient that is not finite is skipped as a whole.
    """

    steps: int = 4

    def __post_init__(self):
        super().__post_init__()
        if self.steps < 1:
            raise UsageError(f"accumulate.steps: got {self.steps}; allowed: 1 or more batches to an update")

    def updates(self, batches):
        return max(1, batches // self.steps)

    def optimizer(self, optimizer):
        return Accumulating(optimizer, self.steps) if self.steps > 1 else optimizer


class Accumulating(keras.optimizers.Optimizer):
    """Sums the gradients of every `steps` calls, then lets `inner` apply their mean. `iterations` counts the calls."""

    def __init__(self, inner, steps):
        super().__init__(name="accumulating")
        self.inner, self._steps = inner, steps

    def build(self, var_list):
        if is_built(self):
            return
        super().build(var_list)
        self.inner.build(var_list)
        self._sums = [self.add_variable_from_reference(v, "sum") for v in var_list]
        mark_built(self)

    @property
    def learning_rate(self):
        return self.inner.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner.learning_rate = value

    def finalize_variable_values(self, var_list):
        self.inner.finalize_variable_values(var_list)

    def compute_gradients(self, loss, var_list, tape=None):
        return self.inner.compute_gradients(loss, var_list, tape)  # which may scale the loss and undo it

    def apply_gradients(self, grads_and_vars, skip_gradients_aggregation=False):
        pairs = [(tf.convert_to_tensor(g), v) for g, v in grads_and_vars if g is not None]
        if not skip_gradients_aggregation:
            pairs = self.aggregate_gradients(pairs)
        variables = [v for _, v in pairs]

        def count(strategy, gradients):
            sums = [self._sums[variable_index(self, v)] for v in variables]
            for total, gradient in zip(sums, gradients, strict=True):
                strategy.extended.update(total, lambda kept, more: kept.assign_add(more), args=(gradient,))
            self.iterations.assign_add(1)

            def update():
                on_each_replica(strategy, self._update, {"variables": variables})
                for total in sums:
                    strategy.extended.update(total, lambda kept: kept.assign(tf.zeros_like(kept)))
                return tf.constant(True)

            tf.cond(tf.equal(self.iterations % self._steps, 0), update, lambda: tf.constant(False))

        # a condition around an update is possible outside of the replicas only
        tf.distribute.get_replica_context().merge_call(count, args=([g for g, _ in pairs],))

    def _update(self, variables):
        sums = [self._sums[variable_index(self, v)] for v in variables]
        means = [tf.convert_to_tensor(total) / self._steps for total in sums]
        self.inner.apply_gradients(list(zip(means, variables, strict=True)), skip_gradients_aggregation=True)

    def with_rate(self, rate):
        """The same over a fresh inner optimizer with another learning rate or schedule."""
        return Accumulating(with_rate(self.inner, rate), self._steps)

    def get_config(self):
        return {"inner": keras.optimizers.serialize(self.inner), "steps": self._steps}
