"""A teacher that is an average of the weights, and answers each batch.

"Mean teachers are better role models" (Tarvainen, Valpola 2017, arXiv:1703.01780, equation 1), with the momentum that
rises along a cosine of "Bootstrap Your Own Latent" (Grill et al. 2020, arXiv:2006.07733, section 3.2).
"""

import dataclasses
import math

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import techniques
from kerasvision.ops.internals import takes_tensors
from kerasvision.tasks.base import AVERAGED
from kerasvision.train.techniques.base import Technique


@techniques.register("momentum_teacher")
@dataclasses.dataclass(frozen=True)
class MomentumTeacher(Technique):
    """Targets get `momentum_teacher/KEY`, what the average says of each raw key, of the same inputs and as in training
    (batch statistics). An architecture that knows the keys learns from them (`self_supervised/byol`, `moco`, `dino`).

    After each step the average takes (1 - m) of the weights, m from `momentum` at the first step to `final` at the
    phase's last. It begins with the weights that the phase begins with. Statistics of batch normalization are the
    teacher's own. It is no part of the run: the weights themselves are judged, kept and exported.
    """

    momentum: float = 0.996
    final: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.momentum <= self.final <= 1:
            raise UsageError(
                f"momentum_teacher.momentum={self.momentum:g}, final={self.final:g}; allowed: 0 to 1, the second not "
                "below the first (0.99 to 1 are usual)"
            )

    def observer(self, arch, graph):
        return Teacher(graph)

    def callbacks(self):
        return (_EveryStep(self),)

    def after(self, step, steps):
        """m after step `step` of `steps`, counted from 0."""
        return self.final - (self.final - self.momentum) * (math.cos(math.pi * step / steps) + 1.0) / 2.0


class Teacher(tf.Module):
    """The average. (inputs, targets) -> targets with its answers."""

    def __init__(self, graph):
        super().__init__(name="momentum_teacher")
        self.graph = keras.models.clone_model(graph)
        self.graph.set_weights(graph.get_weights())
        self.steps = tf.Variable(0, trainable=False, dtype=tf.int64, name="teacher_steps")

    def __call__(self, inputs, targets):
        raw = self.graph(inputs, training=True)
        return targets | {AVERAGED + key: tf.stop_gradient(tf.cast(value, tf.float32)) for key, value in raw.items()}

    @tf.function(autograph=False)
    def take(self, weights, momentum):
        """Move the average towards the weights. momentum: float32, the part that stays."""
        for average, weight in zip(self.graph.trainable_variables, weights, strict=True):
            kept = tf.cast(momentum, average.dtype)
            average.assign(kept * average + (1.0 - kept) * weight)
        self.steps.assign_add(1)


class _EveryStep(keras.callbacks.Callback):
    def __init__(self, technique):
        super().__init__()
        takes_tensors(self)  # no step waits for its loss
        self._technique = technique

    def on_train_begin(self, logs=None):
        held = [o for o in self.model.observers if isinstance(o, Teacher)]
        if len(held) > 1:
            raise KerasVisionError("momentum_teacher stands twice in one phase; keep one of them")
        self._teacher, self._steps = held[0], self.params["epochs"] * self.params["steps"]

    def on_train_batch_end(self, batch, logs=None):
        step = int(self._teacher.steps.numpy())
        momentum = self._technique.after(min(step, self._steps), self._steps)
        self._teacher.take(self.model.graph.trainable_variables, tf.constant(momentum, tf.float32))
