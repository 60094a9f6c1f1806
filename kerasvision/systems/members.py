"""Systems that are one architecture made of several of one task, their graphs side by side in one flat graph."""

import abc
import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.component import part
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.layers.inline import inlined
from kerasvision.tasks.base import Architecture

# what `delegating` leaves to the classes here: trained members are not trained, and have no pretrained weights
OWN = (
    *("functions", "for_classes", "for_data", "load_pretrained", "mixes", "after_training", "registered_name"),
    *("asking", "with_promise"),
)


@dataclasses.dataclass(frozen=True)
class Members(Architecture):
    """Abstract. Final ones combine their members' answers; `ways` are the names of how, the default first.
    mixes_logits: whether the members' raw outputs have to be of one form.

    members: two architectures or more of one task, with equal inputs and classes. Raises UsageError or
    KerasVisionError, in one line, where they cannot be combined.
    """

    members: tuple[part("architectures"), ...]

    ways: typing.ClassVar[tuple[str, ...]]
    mixes_logits: typing.ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        if len(self.members) < 2:
            raise UsageError(f"an ensemble has two members or more; seen: {len(self.members)}")
        self.check_kind(self.members[0])
        for number, member in enumerate(self.members[1:], start=2):
            check_alike(self.members[0], member, f"member {number}", self.mixes_logits)

    @staticmethod
    @abc.abstractmethod
    def check_kind(member):
        """Raise KerasVisionError unless architectures like this one can be combined so."""

    @property
    def _first(self):
        return self.members[0]

    @property
    def num_classes(self):
        """How many classes every member has."""
        return self._first.num_classes

    def for_classes(self, classes):
        return dataclasses.replace(self, members=tuple(m.for_classes(classes) for m in self.members))

    def asking(self):
        return dataclasses.replace(self, members=(self._first.asking(), *self.members[1:]))

    def with_promise(self, predictions, ground_truths):
        return dataclasses.replace(
            self, members=(self._first.with_promise(predictions, ground_truths), *self.members[1:])
        )

    def side_by_side(self):
        """(the graph's inputs, [raw outputs of each member]) as Keras tensors."""
        graphs = [member.build() for member in self.members]
        for number, graph in enumerate(graphs[1:], start=2):
            _check_shapes(graphs[0], graph, f"member {number}", self.mixes_logits)
        inputs = {k: keras.Input(x.shape[1:], dtype=x.dtype, name=k) for k, x in graphs[0].input.items()}
        return inputs, [inlined(graph, inputs, prefix(n)) for n, graph in enumerate(graphs)]


def prefix(number):
    """The text before the names of a member's layers in the ensemble's graph. number: of the member, from 0."""
    return f"member{number}_"


def check_alike(first, other, who, mixes_logits=True):
    """Raises KerasVisionError where an architecture cannot be combined with the first one. who: names it in the
    message. mixes_logits: see `Members`.
    """
    if other.name != first.name or (mixes_logits and other.class_logits != first.class_logits):
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


def _check_shapes(first, other, who, alike):
    """Raises KerasVisionError where a member's graph has other inputs or (alike) outputs than the first one's."""
    pairs = (("takes", other.input, first.input), ("gives", other.output, first.output))
    for what, theirs, ours in pairs if alike else pairs[:1]:
        seen, wanted = ({key: t.shape[1:].as_list() for key, t in held.items()} for held in (theirs, ours))
        if seen != wanted:
            raise KerasVisionError(f"{who} {what} {seen} and the first {wanted}; an ensemble's members have the same")
