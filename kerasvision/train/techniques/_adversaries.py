"""Pictures moved against the network within a ball, made in the step that learns from them.

"Towards Deep Learning Models Resistant to Adversarial Attacks" (Madry et al. 2018, arXiv:1706.06083, equation 2.1). The
network that is moved against answers as it will in use (fixed statistics of batch normalization, no dropout), so that
an example's picture does not depend on what else is in the batch, nor on how many replicas share it.
"""

import abc
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.ops.balls import ascended, drawn_at
from kerasvision.train.techniques._replicas import rows_of_replica
from kerasvision.train.techniques.base import Technique

Ball = typing.Literal["linf", "l2"]


class Adversarial(Technique):
    """Abstract. Concrete ones have these fields.

    radius, norm: of the ball around a picture, pixels counted 0..1. steps: of gradient ascent. step_size: of each,
    pixels counted 0..1; 0 is 2.5 * radius / steps, by which any place of the ball can be reached.

    The last epoch's weights are kept: of epochs the metric, which knows no adversary, would choose the least robust.
    """

    rivals: typing.ClassVar[str] = "alike"

    radius: float
    norm: Ball
    steps: int
    step_size: float

    def __post_init__(self):
        super().__post_init__()
        name = self.registered_name.split("/")[-1]
        if not 0 < self.radius < float("inf"):
            raise UsageError(f"{name}.radius={self.radius:g}; allowed: above 0, pixels counted 0..1, as in 0.03")
        if self.steps < 1:
            raise UsageError(f"{name}.steps={self.steps}; allowed: 1 or more")
        if not 0 <= self.step_size < float("inf"):
            raise UsageError(f"{name}.step_size={self.step_size:g}; allowed: above 0, or 0 for 2.5 * radius / steps")

    def first_epoch_to_keep(self, epochs):
        return max(epochs - 1, 0)

    def observer(self, arch, graph):
        return Adversary(self, arch, graph)

    def size_of(self, steps):
        """The size of one step of so many, a tensor or a number."""
        return self.step_size if self.step_size else reaching(self.radius, steps)

    def begin(self, shape, seed):
        """Where the ascent begins, seen from the pictures: float32 of a shape, int32 [4]. seed: int32 [2]."""
        return drawn_at(shape, self.radius, self.norm, seed)

    @abc.abstractmethod
    def score(self, arch, targets, clean):
        """A function (raw -> float32 [B]) that the ascent raises. clean: a function that gives raw of the pictures."""

    @abc.abstractmethod
    def given(self, inputs, moved, targets):
        """(inputs, targets) that the step learns from. moved: the inputs, with moved pictures."""


class Adversary(tf.Module):
    """An observer. graph: of the step that it stands in, or one with the same weights.

    steps: how many it makes now; batches: how many were drawn for; variables, which survive a restart. raw: the graph's
    inputs -> its raw outputs, float32.
    """

    def __init__(self, technique, arch, graph):
        super().__init__(name="adversary")
        self.technique, self.arch = technique, arch
        # in a function, where `tf.Module` does not look: the graph's weights are no variables of the adversary
        self.raw = lambda inputs: {k: tf.cast(v, tf.float32) for k, v in graph(inputs, training=False).items()}
        self._black, self._span = _pixels(technique, arch)
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA  # each replica counts the same
        options = {"trainable": False, "aggregation": first}
        self.steps = tf.Variable(technique.steps, dtype=tf.int32, name="adversary_steps", **options)
        self.batches = tf.Variable(0, dtype=tf.int64, name="adversary_batches", **options)

    def __call__(self, inputs, targets):
        number = tf.identity(self.batches)
        with tf.control_dependencies([number]):
            self.batches.assign_add(1)
        every, own = rows_of_replica(inputs["image"])
        shape = tf.concat([[every], tf.shape(inputs["image"])[1:]], 0)
        seed = tf.stack([tf.constant(1_706_060, tf.int32), tf.cast(number % (2**30), tf.int32)])
        start = self.technique.begin(shape, seed)[own]
        moved = self.against(inputs, targets, start, tf.identity(self.steps))
        return self.technique.given(inputs, moved, targets)

    def against(self, inputs, targets, start, steps):
        """The inputs with pictures after so many steps from a start, as `Adversarial.begin` gives it."""
        size = self.technique.size_of(steps)
        ball = {"radius": self.technique.radius, "norm": self.technique.norm}
        pictures = (inputs["image"] - self._black) / self._span
        score = self.technique.score(self.arch, targets, lambda: self.raw(inputs))

        def step(number, moved):
            with tf.GradientTape() as tape:
                tape.watch(moved)
                found = score(self.raw(inputs | {"image": self._black + self._span * moved}))
            slope = tape.gradient(found, moved, unconnected_gradients="zero")
            return number + 1, ascended(pictures, moved, slope, size, **ball)

        first = tf.clip_by_value(pictures + start, 0.0, 1.0)
        _, moved = tf.while_loop(lambda number, _: number < steps, step, (tf.constant(0), first))
        return inputs | {"image": tf.stop_gradient(self._black + self._span * moved)}


def reaching(radius, steps):
    """The size of one of so many steps, together 2.5 radii long."""
    return 2.5 * radius / tf.cast(steps, tf.float32)


def own_loss(arch, targets, raw):
    """The architecture's own loss of each example, float32 [B]."""
    return tf.add_n(list(arch.loss(targets, raw).values()))


def _pixels(technique, arch):
    """What a black pixel is to the graph, float32 [1, 1, 1, C], and how far from it a white one is."""
    name = technique.registered_name.split("/")[-1]
    if list(arch.prepared_inputs()) != ["image"] or arch.views > 1:
        raise UsageError(
            f"{name} moves the pixels of one picture an example; {arch.registered_name} takes "
            f"{', '.join(arch.prepared_inputs())}" + (f" in {arch.views} views" if arch.views > 1 else "")
        )
    channels = arch.prepared_inputs()["image"].shape[-1]
    black, white = (arch.normalize({"image": tf.fill([1, 1, 1, channels], v)})["image"] for v in (0.0, 255.0))
    return black, white - black
