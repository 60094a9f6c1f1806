"""A queue of what the momentum teacher answered to earlier batches: many negatives without a large batch.

"Momentum Contrast for Unsupervised Visual Representation Learning" (He, Fan, Wu, Xie, Girshick 2019, arXiv:1911.05722,
section 3.2).
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.ops.gather import gathered
from kerasvision.tasks.base import AVERAGED, QUEUED
from kerasvision.train.techniques.base import Technique


@techniques.register("queue")
@dataclasses.dataclass(frozen=True)
class Queue(Technique):
    """Targets get `queue` [size, D]: the newest answers before this batch's, of all replicas, the latest first. It
    stands behind `momentum_teacher`, and begins with random directions.

    size: how many, a multiple of the examples of a step. key: of raw, whose answers are kept.
    """

    size: int = 4096
    key: str = "projection"

    def __post_init__(self):
        super().__post_init__()
        if self.size < 1:
            raise UsageError(f"queue.size={self.size}; allowed: 1 or more (4096 to 65536 are usual)")

    def observer(self, arch, graph):
        return Answers(self, graph)


class Answers(tf.Module):
    """The queue. (inputs, targets) -> targets with it, before this batch's answers come in."""

    def __init__(self, technique, graph):
        super().__init__(name="queue")
        self._technique = technique
        if technique.key not in graph.output:
            raise UsageError(f"queue.key={technique.key!r}: the model has {', '.join(graph.output)}; name one of them")
        shape = technique.size, int(graph.output[technique.key].shape[-1])
        held = tf.math.l2_normalize(tf.random.stateless_normal(shape, shape), -1)
        # each replica computes the same rows
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.rows = tf.Variable(held, trainable=False, aggregation=first, name="queue_rows")

    def __call__(self, inputs, targets):
        answers, _ = gathered(require_answers("queue", targets, self._technique.key))
        rows, count = tf.identity(self.rows), answers.shape[0]
        if count and self._technique.size % count:
            raise UsageError(
                f"queue.size={self._technique.size}: a step adds {count} answers, which do not divide it; set a "
                f"multiple of {count}"
            )
        with tf.control_dependencies([rows]):
            self.rows.assign(tf.concat([answers, rows], 0)[: self._technique.size])
        return targets | {QUEUED: rows}


def require_answers(name, targets, key):
    """The momentum teacher's answers; refuses where there is none before this technique."""
    if AVERAGED + key not in targets:
        raise UsageError(f"{name} takes what momentum_teacher answers; put techniques/momentum_teacher before it")
    return targets[AVERAGED + key]
