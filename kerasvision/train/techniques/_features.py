"""What techniques share that bring a student's features near to a teacher's, in the same step as the labels.

The student's features are further outputs of the graph while it is trained, and gone again from the graph that is kept.
"""

import abc
import pathlib
import re

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.ops.internals import made_by, unquantized_name
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.distill import open_teacher

LEVEL = re.compile(r"c\d+")


class FeatureTechnique(Technique):
    """Abstract. Concrete ones have these fields, and `mark`, the first part of their outputs' and targets' names.

    teacher: folder of a finished run with the student's preprocessing. at: places in the student, names of layers or
    of levels of its backbone such as "c1". teacher_at: places in the teacher, one for each; empty: the same names.
    weight: of the term beside the task's own. Where a map of the teacher is larger or smaller than the student's it is
    resized to it (bilinear, antialiased).
    """

    mark: str
    teacher: str
    at: tuple[str, ...]
    teacher_at: tuple[str, ...]
    weight: float

    def __post_init__(self):
        super().__post_init__()
        own = type(self).__name__
        if not self.at:
            raise UsageError(f'{own}.at is empty; name layers or levels of the backbone, such as at=("c1",)')
        if self.teacher_at and len(self.teacher_at) != len(self.at):
            raise UsageError(
                f"{own}.teacher_at names {len(self.teacher_at)} places for {len(self.at)} in at=; one each"
            )
        if not self.weight > 0:
            raise UsageError(f"{own}.weight={self.weight:g}; allowed: above 0")

    @abc.abstractmethod
    def compared(self, x, channels, name):
        """A student's features, a Keras tensor [B, ..., C] -> what is compared with features of so many channels."""

    @abc.abstractmethod
    def apart(self, seen, own):
        """The teacher's features and the student's, [B, ..., C] -> [B]."""

    def graph(self, arch, graph):
        channels = self._teacher_channels()
        if channels is None:
            return graph
        extra = {}
        for number, (place, count) in enumerate(zip(self.at, channels, strict=True)):
            name = f"{self.mark}_{number}"
            extra[f"{self.mark}/{number}"] = self.compared(_tensor(self, "at", place, arch, graph), count, name)
        return keras.Model(graph.input, graph.output | extra, name=graph.name)

    def _teacher_channels(self):
        """Of its features at each place; None where the teacher is no longer there: the graph can only be stripped."""
        from kerasvision.core.recipe import Recipe
        from kerasvision.train.run import structure

        held = pathlib.Path(self.teacher) / "recipe.json"
        if not held.exists():
            return None
        recipe = Recipe.loads(held.read_text(encoding="utf-8"))
        return [tensor.shape[-1] for tensor in self._places(recipe.model, structure(recipe))]

    def _places(self, arch, graph):
        return [_tensor(self, "teacher_at", p, arch, graph) for p in self.teacher_at or self.at]

    def strip(self, arch, graph):
        kept = {key: value for key, value in graph.output.items() if not key.startswith(f"{self.mark}/")}
        return graph if len(kept) == len(graph.output) else keras.Model(graph.input, kept, name=graph.name)

    def observer(self, arch, graph):
        teacher = open_teacher(self.registered_name.removeprefix("techniques/"), self.teacher, arch)
        tensors = self._places(teacher.arch, teacher.graph)
        features = keras.Model(teacher.graph.input, tensors, name="teacher")
        sides = [graph.output[f"{self.mark}/{number}"].shape[1:-1].as_list() for number in range(len(self.at))]
        for place, side, tensor in zip(self.at, sides, tensors, strict=True):
            seen = tensor.shape[1:-1].as_list()
            if len(seen) != len(side) or (seen != side and len(side) != 2):
                raise KerasVisionError(
                    f"{self.registered_name}: {place} of the student has positions {side} and the teacher's {seen}; "
                    "name places of equal positions (maps of two axes are resized)"
                )

        def observe(inputs, targets):
            seen = tf.nest.flatten(features(inputs, training=False))
            fitted = [_fitted(tf.cast(x, tf.float32), side) for x, side in zip(seen, sides, strict=True)]
            return targets | {f"{self.mark}/{number}": x for number, x in enumerate(fitted)}

        return observe

    def objective(self, loss, arch):
        def with_features(targets, raw):
            marks = [f"{self.mark}/{number}" for number in range(len(self.at))]
            own, others = ({k: v for k, v in part.items() if k not in marks} for part in (targets, raw))
            apart = tf.add_n([self.apart(targets[mark], raw[mark]) for mark in marks])
            return loss(own, others) | {self.mark: self.weight * apart}

        return with_features


def _fitted(x, side):
    if x.shape[1:-1].as_list() == side:
        return x
    return tf.image.resize(x, side, antialias=True)


def _tensor(technique, field, place, arch, graph):
    """The output of a layer or of a level of the backbone."""
    held = {unquantized_name(layer.name): layer for layer in graph.layers}
    name = place
    if place not in held and LEVEL.fullmatch(place) and hasattr(arch, "backbone"):
        name = _levels(arch, graph).get(place, place)
    if name not in held:
        of = f"{technique.registered_name.removeprefix('techniques/')}.{field}"
        levels = _levels(arch, graph) if hasattr(arch, "backbone") else {}
        raise UsageError(f"{of}: no layer or level {place!r}; {close_matches(place, [*levels, *held])}")
    return held[name].output


def _levels(arch, graph):
    """Level -> name of the layer that it comes out of, the same in every graph that the backbone is built into."""
    image = next(iter(tf.nest.flatten(graph.input)))
    levels = arch.backbone(keras.Input(image.shape[1:]))
    return {level: made_by(x).name for level, x in levels.items()}
