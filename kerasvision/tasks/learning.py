"""What an architecture learns, and from what: its graph, its targets and its loss."""

import abc
import dataclasses
import typing

from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError

# probabilities: of classes, whose weighted mean is one too; numbers: whose weighted mean belongs to an
# image between both; pixels: one row a pixel of the prepared image, which goes with that pixel and is not averaged
Mix = typing.Literal["probabilities", "numbers", "pixels"]
AVERAGED = "momentum_teacher/"  # before a raw key: the target that an average of the weights has answered
QUEUED = "queue"  # key of the target [K, D] of answers that earlier batches got


class Learning(Component):
    """Abstract. The part of an `Architecture` that is trained."""

    # names of layers that have a row or an output a word, of an architecture with a `vocabulary`
    of_vocabulary: typing.ClassVar[tuple[str, ...]] = ()
    # raw keys that a student may be told of by a teacher's; (): all of them
    taught: typing.ClassVar[tuple[str, ...]] = ()
    # whether training draws: a sample then has `seed` int32 [2] for `example`
    draws_noise: typing.ClassVar[bool] = False
    # examples that training makes of one record, each augmented with a seed of its own, one after the other in a batch;
    # where there are several, a sample then has `view`, its number, for `example`
    views: typing.ClassVar[int] = 1
    # how many of them, the last ones of each record, are small parts, about which nobody else's answer is asked
    small_views: typing.ClassVar[int] = 0
    # whether `fill` makes a model of the training split: a recipe may then have no epochs
    fills: typing.ClassVar[bool] = False
    # whether `settle` puts something into the graph that held-out examples decide
    settles: typing.ClassVar[bool] = False
    # key of raw [B, D] that the loss compares between examples of one `label`, and `loss_with_earlier` with those of
    # earlier batches; "": none
    compared: typing.ClassVar[str] = ""
    # key of a graph's input [B, M], 1 or 0: which of M senses an example has, of a model of several; "": of one sense
    sense_flags: typing.ClassVar[str] = ""

    @property
    def sense_inputs(self) -> dict[str, tuple[str, ...]]:
        """Each sense, in the order of the flags -> the keys of the graph's other inputs that are of it; {}: of one."""
        return {}

    @property
    def mixes(self) -> dict[str, Mix]:
        """Every key of the targets -> how two examples' targets become those of one mixed example. Empty, as it is
        unless an architecture says otherwise: they cannot be mixed, and augmentations of a batch are refused.
        """
        return {}

    def for_classes(self, classes):
        """This architecture for the classes of a data source; a number that does not fit is an error."""
        held = getattr(self, "num_classes", None)
        if held is None or held == len(classes):
            return self
        if held == 0:
            return dataclasses.replace(self, num_classes=len(classes))
        raise KerasVisionError(
            f"the data has {len(classes)} classes and the model {held}; set model.num_classes={len(classes)}, or 0 to "
            "take the number from the data"
        )

    def for_data(self, split):
        """This architecture with what it takes from the training split before it is built, which may be nothing.

        split: `data.sources.base.Split`, all of whose samples have what the architecture needs.
        """
        return self

    def check_phase(self, phase, batch_size):
        """Before training: raises where a phase, its augmentations, its techniques or the number of records in a batch
        leave nothing to learn.
        """

    def load_pretrained(self, graph):
        """Before training: pretrained weights into the fresh graph. Not called when a run's own weights are loaded.
        Returns a line about what was found in them, or None.
        """

    def fill(self, graph, batches):
        """Before the first step: put what follows from the training split into the graph; gives this architecture with
        what it decides, which may be nothing.

        batches: an iterable of (prepared inputs, ground truth), batched tensors, of each example once, as `geometry`
        gives it.
        """
        return self

    @abc.abstractmethod
    def build(self):
        """A flat functional Keras model, dict in, dict out: no activation, no decoding, the same keys in training."""

    @abc.abstractmethod
    def encode(self, sample):
        """One sample, in graph pixels -> targets, a dict shaped like raw without the batch axis. Pure TensorFlow."""

    def example(self, sample):
        """One augmented sample -> (prepared inputs, targets), both without batch axis."""
        prepared, _, moved = self.prepare_sample(sample)
        return prepared, self.encode(moved)

    @abc.abstractmethod
    def loss(self, targets, raw):
        """name -> loss of each example, float32 [B]."""

    def loss_with_earlier(self, targets, raw, earlier):
        """The loss against this batch and examples of earlier ones, through which no gradient flows: name -> [B].

        earlier: (labels int [M], rows of `compared` float32 [M, D], which of the M places are taken, bool [M]).
        """
        raise NotImplementedError(f"{type(self).__name__} compares no examples")

    def tune(self, predictions, ground_truths):
        """After training: this architecture with what the validation split decides (thresholds). numpy, stacked."""
        return self

    def untuned(self):
        """This architecture without what `tune` has found, before all is fitted anew."""
        return self

    def tuned_words(self):
        """One line about what `tune` has found and no promise says; "": nothing."""
        return ""

    def settle(self, graph, batches):
        """After training, before `tune`: put into the graph what held-out examples decide without a step.

        batches: an iterable of (prepared inputs, targets), batched tensors.
        """
