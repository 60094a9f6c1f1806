"""The mean of the momentum teacher's answers is taken off them, so that none of their dimensions wins always.

"Emerging Properties in Self-Supervised Vision Transformers" (Caron et al. 2021, arXiv:2104.14294, equation 4).
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.ops.gather import gathered
from kerasvision.tasks.base import AVERAGED
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.queue import require_answers


@techniques.register("centering")
@dataclasses.dataclass(frozen=True)
class Centering(Technique):
    """The answers that targets hold get the center taken off, which then takes 1 - momentum of this batch's mean, over
    all replicas, without small views. It begins as zeros, and stands behind `momentum_teacher`. key: of raw, whose
    answers are centered.
    """

    momentum: float = 0.9
    key: str = "projection"

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise UsageError(f"centering.momentum={self.momentum:g}; allowed: 0 to less than 1 (0.9 is usual)")

    def observer(self, arch, graph):
        return Center(self, graph, arch)


class Center(tf.Module):
    """(inputs, targets) -> targets with centered answers."""

    def __init__(self, technique, graph, arch):
        super().__init__(name="centering")
        self._technique = technique
        self._views = (arch.views, arch.views - arch.small_views) if arch else (1, 1)
        if technique.key not in graph.output:
            raise UsageError(
                f"centering.key={technique.key!r}: the model has {', '.join(graph.output)}; name one of them"
            )
        zeros = tf.zeros([int(graph.output[technique.key].shape[-1])])
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA  # each replica computes the same one
        self.center = tf.Variable(zeros, trainable=False, aggregation=first, name="center")

    def __call__(self, inputs, targets):
        answers = require_answers("centering", targets, self._technique.key)
        center, kept = tf.identity(self.center), self._technique.momentum
        views, large = self._views
        rows = tf.reshape(gathered(answers)[0], [-1, views, answers.shape[-1]])[:, :large]
        mean = tf.reduce_mean(rows, (0, 1))
        with tf.control_dependencies([center]):
            self.center.assign(kept * center + (1.0 - kept) * mean)
        return targets | {AVERAGED + self._technique.key: answers - center}
