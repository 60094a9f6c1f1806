"""Several trained runs as one model: one flat graph, which every exporter takes as it is.

mean, weighted: "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles" (Lakshminarayanan, Pritzel,
Blundell 2017, arXiv:1612.01474): the (weighted) mean of the members' probabilities. stacking: "Stacked Generalization"
(Wolpert 1992): a linear model of the members' probabilities, fitted on examples that none of them was trained on.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import systems
from kerasvision.layers.mixture import LogMixture
from kerasvision.ops.internals import called_with
from kerasvision.systems.delegation import delegating
from kerasvision.systems.members import OWN, Members, prefix

Combine = typing.Literal["mean", "weighted", "stacking"]


@systems.register("ensemble")
@delegating("_first", own=OWN)
@dataclasses.dataclass(frozen=True)
class Ensemble(Members):
    """Final. An architecture made of others. Preprocessing, decoding and evaluation are its first member's.

    shares: of each member in the mean of probabilities, together 1; empty: equal ones. stacked: a dense layer of all
    members' probabilities in place of the mean, for one class an example.
    """

    shares: tuple[float, ...] = ()
    stacked: bool = False

    ways: typing.ClassVar[tuple[str, ...]] = typing.get_args(Combine)

    def __post_init__(self):
        super().__post_init__()
        if self.shares and (
            len(self.shares) != len(self.members) or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6
        ):
            raise UsageError(f"ensemble.shares={self.shares}; allowed: one of 0 or more a member, together 1")
        if self.stacked and (self.label_keys != ("label",) or tuple(self.class_logits.values()) != ("softmax",)):
            raise UsageError(f"stacking is for models of one class an example; {self._first.name} is none")

    @staticmethod
    def check_kind(member):
        keys = set(member.class_logits)
        if not keys or "classes" in keys:  # boxes of two detectors do not stand in the same places
            raise KerasVisionError(
                f"an ensemble needs logits of classes alone to take the mean of; {member.registered_name} has other "
                "outputs"
            )

    def build(self):
        inputs, raws = self.side_by_side()
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
