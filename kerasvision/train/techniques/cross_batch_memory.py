"""Embeddings of earlier batches as partners: pairs from thousands of pictures without a large batch.

"Cross-Batch Memory for Embedding Learning" (Wang, Zhang, Huang, Scott 2020, arXiv:1912.06798, algorithm 1).
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.ops.gather import gathered
from kerasvision.train.learner import SeesAnswers
from kerasvision.train.techniques.base import Technique

_LABELS, _ROWS, _THERE, _ON = (f"cross_batch_memory/{key}" for key in ("labels", "rows", "there", "on"))
_NOBODY = -1  # label of a place that is empty


@techniques.register("cross_batch_memory")
@dataclasses.dataclass(frozen=True)
class CrossBatchMemory(Technique):
    """Loss: the task's own of the batch, and weight * the same (`memory_TERM`) of the batch's pictures against the
    latest `size` embeddings, the batch's among them, through which no gradient flows. A picture is not compared with
    itself in this batch, but with what it was in earlier ones.

    size: a multiple of the examples of a step. start_step: steps before the memory begins to fill and to count, since
    what changes fast is soon wrong. Losses of triplets that are semi-hard or weighted by distance take memory of the
    batch times the square of the size.
    """

    size: int = 1024
    weight: float = 1.0
    start_step: int = 1000

    def __post_init__(self):
        super().__post_init__()
        if self.size < 1:
            raise UsageError(f"cross_batch_memory.size={self.size}; allowed: 1 or more (1024 to 65536 are usual)")
        if not 0 < self.weight < float("inf"):
            raise UsageError(f"cross_batch_memory.weight={self.weight:g}; allowed: above 0 (1 is usual)")
        if self.start_step < 0:
            raise UsageError(
                f"cross_batch_memory.start_step={self.start_step}; allowed: 0 or more steps (1000 is usual)"
            )

    def fit_statistics(self, arch, split):
        if not arch.compared:
            raise UsageError(
                f"cross_batch_memory: the loss of {arch.registered_name} compares no pictures with one another; "
                "embedding/pairs does"
            )
        return self

    def observer(self, arch, graph):
        return Memory(self, arch.compared, int(graph.output[arch.compared].shape[-1]))

    def objective(self, loss, arch):
        def with_memory(targets, raw):
            earlier = targets[_LABELS], targets[_ROWS], targets[_THERE]
            factor = self.weight * targets[_ON]
            found = arch.loss_with_earlier(targets, raw, earlier)
            return loss(targets, raw) | {f"memory_{name}": factor * term for name, term in found.items()}

        return with_memory


class Memory(SeesAnswers):
    """A ring: the latest embeddings, their labels, and the step. (inputs, targets) -> targets with what it holds, which
    each replica holds alike.
    """

    def __init__(self, technique, key, dimension):
        super().__init__(name="cross_batch_memory")
        self._technique, self._key = technique, key
        options = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        size = technique.size
        self.rows = tf.Variable(tf.zeros([size, dimension]), name="memory_rows", **options)
        self.labels = tf.Variable(tf.fill([size], _NOBODY), name="memory_labels", **options)
        self.steps = tf.Variable(0, dtype=tf.int64, name="memory_steps", **options)

    def __call__(self, inputs, targets):
        step, rows, labels = (tf.identity(v) for v in (self.steps, self.rows, self.labels))
        with tf.control_dependencies([step]):
            self.steps.assign(step + 1)
        places = self._places(step, _examples(targets["label"]))
        batch = tf.scatter_nd(places[:, None], tf.ones_like(places), [self._technique.size]) > 0
        on = tf.cast(step >= self._technique.start_step, tf.float32)
        return targets | {_ROWS: rows, _LABELS: labels, _THERE: (labels != _NOBODY) & ~batch, _ON: on}

    def _places(self, step, count):
        """int32 [count]: where the rows of a step's examples lie, those of the oldest before."""
        size = self._technique.size
        if size % count:
            raise UsageError(
                f"cross_batch_memory.size={size}: a step adds {count} embeddings, which do not divide it; set a "
                f"multiple of {count}"
            )
        first = tf.math.floormod((step - self._technique.start_step) * count, size)
        return tf.cast(first, tf.int32) + tf.range(count)

    def answered(self, targets, raw):
        """Lay this step's rows where the oldest are. A step that computes its loss again lays them there again."""
        rows, labels = gathered(tf.stop_gradient(raw[self._key]))[0], gathered(targets["label"])[0]
        places = self._places(self.steps - 1, _examples(targets["label"]))
        held = (self.rows, targets[_ROWS], rows), (self.labels, targets[_LABELS], labels)
        for variable, before, new in held:
            laid = tf.tensor_scatter_nd_update(before, places[:, None], tf.cast(new, before.dtype))
            variable.assign(tf.where(targets[_ON] > 0, laid, before))


def _examples(labels):
    """How many examples a step of all replicas has. labels: [B], of one."""
    context = tf.distribute.get_replica_context()
    return labels.shape[0] * (context.num_replicas_in_sync if context else 1)
