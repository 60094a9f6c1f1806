"""What an explainer is, and the trained model that it looks into, whatever its family."""

import abc
import dataclasses
import itertools
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.tasks import targets as scoring

BATCH = 32  # inputs that are asked at once
_DERIVED = 8  # with gradients, for which all that is on the way stays in memory


@dataclasses.dataclass(frozen=True)
class Explainable:
    """An architecture of one image or volume, with its graph and the names of its classes.

    graph: a Keras model. file: None, or an exported file that gives the values of the graph's tensors in its place,
    with the gradients of its own arithmetic (`api.look_inside`); then the graph's weights do not matter.
    """

    arch: typing.Any
    graph: typing.Any
    classes: tuple[str, ...]
    file: typing.Any = None

    @property
    def key(self):
        """The name of the one prepared input: `image` or `volume`."""
        return next(iter(self.arch.prepared_inputs()))

    def prepared(self, inputs):
        """Serving inputs of one example, without batch axis -> (uint8 [h, w, 3] or float32 [d, h, w, C], what the graph
        sees; its geometry, with a batch axis of 1; whether that is only the center of a larger input).
        """
        batch = {k: tf.convert_to_tensor(v)[None] for k, v in inputs.items()}
        prepared, geometry = self.arch.geometry(batch)
        part = self.arch.at_graph_size(prepared)[self.key]
        is_part = tuple(part.shape) != tuple(prepared[self.key].shape)
        return part[0].numpy(), geometry, is_part

    def normalized(self, prepared):
        """[B, *size, C], as prepared or with other values in the same range -> what the graph takes."""
        return self.arch.normalize({self.key: prepared})

    def values(self, prepared, tensors):
        """[B, *size, C], as prepared or with other values in the same range, float32 where there shall be gradients,
        and a nest of the graph's Keras tensors -> their values.
        """
        prepared = tf.convert_to_tensor(prepared)
        if self.file is not None:
            return self.file.values({self.key: prepared}, tensors)
        model = self.graph if tensors is self.graph.output else keras.Model(self.graph.input, tensors)
        return model(self.normalized(prepared), training=False)

    def has(self, tensor):
        """Whether `values` knows a Keras tensor of the graph: a file may have joined its layer with others."""
        return self.file is None or self.file.has(tensor)

    def raw(self, prepared):
        """[B, *size, C] -> the graph's raw outputs, float32, with gradients as `values` has them."""
        return scoring.as_float(self.values(prepared, self.graph.output))

    def predicted(self, prepared):
        """[B, *size, C] -> the prediction in the graph's pixels."""
        prepared = tf.convert_to_tensor(prepared)
        if self.file is not None:
            return self.file.predicted({self.key: prepared})
        return self.arch.decode(self.raw(prepared), self.arch.no_geometry({self.key: prepared}))

    def targets(self, prepared, geometry, label=(), box=(), region="", like=None, mask=(), at=()):
        """The targets of one example that are asked for, as in `tasks.targets.Asked`. prepared, geometry: what
        `prepared` gives. like: what it gives of another example, or None.
        """
        raw = self.raw(tf.constant(prepared)[None])
        other = None if like is None else self.raw(tf.constant(like)[None])
        asked = scoring.Asked(tuple(label), tuple(box), region, other, tuple(mask), tuple(at))
        return self.arch.targets().choose(raw, geometry, self.classes, asked)

    def score(self, prepared, target):
        """[B, *size, C] -> how much of a target there is, float32 [B], with gradients as `values` has them."""
        return target.score(self.found(prepared, target))

    def found(self, prepared, target):
        """[B, *size, C] -> what a target's score is made of, name -> float32, with gradients as `values` has them."""
        return scoring.as_float(self.values(prepared, target.tensors(self.graph)))

    def scores(self, prepared, target):
        """`score` of any number of inputs, 32 at a time, numpy float32 [B]. prepared: an array, or an iterable of
        batches.
        """
        some = batches_of(prepared) if isinstance(prepared, np.ndarray) else prepared
        return np.concatenate([np.asarray(self.score(batch, target)) for batch in some])

    def slope(self, prepared, target):
        """[B, *size, C] -> the slope of `score` by each value of the input, float32 [B, *size, C]. Raises UsageError
        where there is none.
        """
        inputs = tf.cast(prepared, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            score = self.score(inputs, target)
        return found_slope(tape.gradient(score, inputs)).numpy()

    def sum_of_slopes(self, inputs, target):
        """The slopes of any number of inputs [*size, C], an iterable, added up: float64 [*size, C]."""
        inputs, total = iter(inputs), 0.0
        while some := list(itertools.islice(inputs, _DERIVED)):
            total = total + self.slope(np.stack(some), target).sum(0, dtype=np.float64)
        return total

    def black(self, prepared):
        """What stands for nothing in an input [*size, C], of the same shape, float32: black pixels, of a volume the
        least value of each channel, which is what air is.
        """
        prepared = np.asarray(prepared, np.float32)
        if prepared.ndim == 3:
            return np.zeros_like(prepared)
        return np.broadcast_to(prepared.min(tuple(range(prepared.ndim - 1))), prepared.shape)


def batches_of(values):
    """Parts of an array along its first axis, of 32 and the rest."""
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def found_slope(slope):
    """A slope of a score by the input; None, where the score is not made of it by what can be derived, is an error."""
    if slope is None:
        raise UsageError("the score of this target has no slope by the input; ask by scores alone: occlusion, rise")
    return tf.convert_to_tensor(slope)  # a batch of a twin's has rows in its place


def explainable(trained):
    """The `Explainable` of a finished run, or of what `api.look_inside` gives; an architecture without targets, or of
    more than one input, is an error.
    """
    arch = trained.arch
    arch.targets()
    if len(arch.prepared_inputs()) != 1 or next(iter(arch.prepared_inputs())) not in ("image", "volume"):
        seen = ", ".join(arch.prepared_inputs())
        raise UsageError(
            f"{arch.registered_name} cannot be explained: it takes {seen}, and heat is drawn on one image or volume"
        )
    return Explainable(arch, trained.graph, tuple(trained.classes), getattr(trained, "file", None))


class Explainer(Component):
    """Abstract. Concrete ones are frozen dataclasses; their fields are their settings."""

    kind = "explainers"

    @abc.abstractmethod
    def heat(self, model, prepared, target):
        """How much each position of `prepared`, [*size, C], speaks for a `tasks.targets.Target`: [*size], of any scale.

        model: an `Explainable`.
        """

    def explain(self, model, prepared, target):
        """`heat`, of which there must be some everywhere or nowhere: NaN is a graph that has lost its weights."""
        heat = np.asarray(self.heat(model, prepared, target), np.float32)
        if not np.isfinite(heat).all():
            raise KerasVisionError(f"{model.arch.registered_name} answers NaN or infinity for this input")
        return heat
