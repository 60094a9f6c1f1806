"""What can be explained or attacked of an answer: a target, and how much of it there is in an input.

A family says which targets it has (`Architecture.targets`), in one file: a `Targets` that chooses, and a `Target` that
scores. Whoever explains or attacks knows nothing of the family: it asks for `score`, and for its gradient by the
graph's inputs.
"""

import abc
import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.ops.graphs import feature_maps


class Target(abc.ABC):
    """Abstract. text: what it is, in words for a picture. region: where it stands, bool of the prepared input's
    positions ([h, w], of a volume [d, h, w]), or None.
    """

    text: str = ""
    region: typing.Any = None

    def tensors(self, graph):
        """Name -> Keras tensor of a graph that `score` looks at: its raw outputs."""
        return graph.output

    @abc.abstractmethod
    def score(self, found):
        """What `tensors` are, float32, batched -> float32 [B], differentiable: the more, the more of the target."""

    def likely(self):
        """The same target with a score of 0..1, where the family has such, else this one."""
        return self


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a person asks for, by the flags of `kerasvision explain`. label: names of classes or numbers. box: indices
    of objects as `predict --json` lists them; mask: the same, of whose mask it is. region: name of a class where it is
    predicted, "" for none. at: (x, y) of a pixel of the original, or (x, y, z) of a voxel along W, H, D. like: raw
    outputs of another example, float32, with a batch axis of 1, or None.
    """

    label: tuple[str, ...] = ()
    box: tuple[int, ...] = ()
    region: str = ""
    like: typing.Any = None
    mask: tuple[int, ...] = ()
    at: tuple[int, ...] = ()


class Targets(abc.ABC):
    """Abstract. flags: field of `Asked` -> what it chooses, in words. answered: keys of what an exported file answers
    that stand for raw outputs where those are not known, so that its targets are scored by them; (): none do.
    """

    flags: typing.ClassVar[dict[str, str]]
    answered: typing.ClassVar[tuple[str, ...]] = ()

    def raw_of(self, answer):
        """What stands for raw outputs where a file shows its answer alone, key -> float32 tensor [B, ...]. answer: what
        the file gives, of which `answered` are there.
        """
        return {key: tf.cast(answer[key], tf.float32) for key in self.answered}

    @abc.abstractmethod
    def chosen(self, raw, geometry, classes, asked):
        """The targets of one example, a list; where nothing is asked for, those that matter most in its answer.

        raw: of the example, float32, with a batch axis of 1. geometry: the same. asked: an `Asked`, of known flags.
        """

    def choose(self, raw, geometry, classes, asked=None):
        """`chosen`; a flag that the family does not have is an error."""
        asked = asked or Asked()
        given = [f.name for f in dataclasses.fields(asked) if getattr(asked, f.name) not in ((), "", None)]
        if unknown := [name for name in given if name not in self.flags]:
            known = ", ".join(f"--{name}" for name in self.flags)
            raise UsageError(f"--{unknown[0]} says nothing to this model; allowed: {known}")
        return self.chosen(raw, geometry, classes, asked)

    def feature_maps(self, graph):
        """Keras tensors [B, ..., C], on the last of which with a part in a score an explanation stands that looks at a
        feature map: all with more than one position.
        """
        return feature_maps(graph)


def score(arch, graph, prepared, target):
    """How much of a target there is in prepared inputs of the graph's size, batched -> float32 [B]."""
    return score_of_inputs(graph, arch.normalize(prepared), target)


def score_of_inputs(graph, inputs, target):
    """The same of the graph's inputs, by which it has a gradient wherever the graph has one."""
    tensors = target.tensors(graph)
    raw = all(graph.output.get(name) is tensor for name, tensor in tensors.items())
    model = graph if raw else keras.Model(graph.input, tensors)
    return target.score(as_float(model(inputs, training=False)))


def as_float(found):
    """Name -> float32."""
    return {name: tf.cast(value, tf.float32) for name, value in found.items()}


def index_of(label, classes):
    """The number of a class by its name."""
    if label not in classes:
        raise UsageError(f"no class {label!r}; {close_matches(label, classes)}")
    return list(classes).index(label)
