"""Several trained runs as one model: one flat graph, which every exporter takes as it is.

mean, weighted: "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles" (Lakshminarayanan, Pritzel,
Blundell 2017, arXiv:1612.01474): the (weighted) mean of the members' probabilities. stacking: "Stacked Generalization"
(Wolpert 1992): a linear model of the members' probabilities, fitted on examples that none of them was trained on.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.component import part
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import systems
from kerasvision.layers.inline import inlined
from kerasvision.layers.mixture import LogMixture
from kerasvision.ops.internals import called_with
from kerasvision.systems.delegation import delegating
from kerasvision.tasks.base import Architecture

Combine = typing.Literal["mean", "weighted", "stacking"]


# an ensemble is made of trained members: it is not trained, and pretrained weights are none of its own
@systems.register("ensemble")
@delegating("_first", own=("functions", "for_data", "load_pretrained", "mixes", "after_training", "registered_name"))
@dataclasses.dataclass(frozen=True)
class Ensemble(Architecture):
    """Final. An architecture made of others of one task with equal inputs and classes. Preprocessing, decoding and
    evaluation are its first member's.

    members: two architectures or more. shares: of each member in the mean of probabilities, together 1; empty: equal
    ones. stacked: a dense layer of all members' probabilities in place of the mean, for one class an example. Raises
    UsageError or KerasVisionError, in one line, where members cannot be combined.
    """

    members: tuple[part("architectures"), ...]
    shares: tuple[float, ...] = ()
    stacked: bool = False

    def __post_init__(self):
        super().__post_init__()
        if len(self.members) < 2:
            raise UsageError(f"an ensemble has two members or more; seen: {len(self.members)}")
        if self.shares and (
            len(self.shares) != len(self.members) or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6
        ):
            raise UsageError(f"ensemble.shares={self.shares}; allowed: one of 0 or more a member, together 1")
        for number, member in enumerate(self.members[1:], start=2):
            check_alike(self.members[0], member, f"member {number}")
        if self.stacked and (self.label_keys != ("label",) or tuple(self.class_logits.values()) != ("softmax",)):
            raise UsageError(f"stacking is for models of one class an example; {self._first.name} is none")

    @property
    def _first(self):
        return self.members[0]

    def build(self):
        graphs = [member.build() for member in self.members]
        for number, graph in enumerate(graphs[1:], start=2):
            _check_shapes(graphs[0], graph, f"member {number}")
        inputs = {k: keras.Input(x.shape[1:], dtype=x.dtype, name=k) for k, x in graphs[0].input.items()}
        raws = [inlined(graph, inputs, prefix(n)) for n, graph in enumerate(graphs)]
        shares = self.shares or (1 / len(self.members),) * len(self.members)
        raw = {}
        for key, form in self.class_logits.items():
            logits = [own[key] for own in raws]
            raw[key] = self._stack(logits) if self.stacked else LogMixture(form, shares, name=key)(logits)
        return keras.Model(inputs, raw, name="ensemble")

    def _stack(self, logits):
        each = [keras.layers.Softmax(name=f"{prefix(n)}probabilities")(z) for n, z in enumerate(logits)]
        side_by_side = keras.layers.Concatenate(name="members")(each)
        return keras.layers.Dense(logits[0].shape[-1], name=STACKING)(side_by_side)

    @property
    def num_classes(self):
        """How many classes every member has."""
        return self._first.num_classes

    def for_classes(self, classes):
        return dataclasses.replace(self, members=tuple(m.for_classes(classes) for m in self.members))

    def embedding(self, graph):
        """The members' embeddings, side by side."""
        every = {key: self._members_of(graph.output[key]) for key in self.class_logits}
        own = [
            keras.Model(graph.input, {key: held[n] for key, held in every.items()}) for n in range(len(self.members))
        ]
        return keras.layers.Concatenate()([m.embedding(g) for m, g in zip(self.members, own, strict=True)])

    def _members_of(self, mixed):
        """The members' logits that were combined."""
        if not self.stacked:
            return called_with(mixed)
        (side_by_side,) = called_with(mixed)
        return [logits for probabilities in called_with(side_by_side) for logits in called_with(probabilities)]

    def tune(self, predictions, ground_truths):
        return dataclasses.replace(self, members=(self._first.tune(predictions, ground_truths), *self.members[1:]))


STACKING = "logits"  # the layer's name: what a graph's last layer of logits is called everywhere


def prefix(number):
    """The text before the names of a member's layers in the ensemble's graph. number: of the member, from 0."""
    return f"member{number}_"


def check_alike(first, other, who):
    """Raises KerasVisionError where an architecture cannot be combined with the first one. who: names it in the
    message.
    """
    keys = set(first.class_logits)
    if not keys or "classes" in keys:  # boxes of two detectors do not stand in the same places
        raise KerasVisionError(
            f"an ensemble needs logits of classes alone to take the mean of; {first.registered_name} has other outputs"
        )
    if (other.name, other.class_logits) != (first.name, first.class_logits):
        raise KerasVisionError(f"{who} does {other.name} and the first {first.name}; an ensemble has one task")
    if other.num_classes != first.num_classes:
        raise KerasVisionError(
            f"{who} has {other.num_classes} classes and the first {first.num_classes}; take runs on the same classes"
        )
    if getattr(other, "label_sets", ()) != getattr(first, "label_sets", ()):
        raise KerasVisionError(
            f"{who} answers with other combinations of labels than the first; train both with the same model.label_sets"
        )
    if apart := first.prepared_unlike(other):
        raise KerasVisionError(f"{who} has other preprocessing than the first: {'; '.join(apart)}; retrain it alike")


def _check_shapes(first, other, who):
    """Raises KerasVisionError where a member's graph has other inputs or outputs than the first one's."""
    for what, theirs, ours in (("takes", other.input, first.input), ("gives", other.output, first.output)):
        seen, wanted = ({key: t.shape[1:].as_list() for key, t in held.items()} for held in (theirs, ours))
        if seen != wanted:
            raise KerasVisionError(f"{who} {what} {seen} and the first {wanted}; an ensemble's members have the same")
