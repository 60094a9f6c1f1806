"""The hooks of a training technique. Each does nothing by default; a technique overrides the few it needs.

In all of them arch is the `Architecture` of the phase, graph its Keras model (a dict of inputs -> a dict of raw
outputs), split a `Split` of the opened source.
"""

import typing

from kerasvision.core.component import Component
from kerasvision.core.direction import Direction


class Technique(Component):
    """Abstract. Final subclasses are frozen dataclasses, registered by name; their fields are their settings."""

    kind = "techniques"
    # with which phases one that has this technique may be compared, for the best weights of a run to be kept: "any";
    # "alike", those with an equal one, as it is after something that the main metric does not count; "none", as what it
    # makes of the weights is not evaluated
    rivals: typing.ClassVar[typing.Literal["any", "alike", "none"]] = "any"
    # name of each figure that `probe` may give -> "max", "min", `core.direction.Target` or "none"; {}: it is not asked
    probe_directions: typing.ClassVar[dict[str, Direction]] = {}

    def fit_statistics(self, arch, split):
        """A copy of the technique that holds what it takes from the training split, such as how many examples each
        class has. Called once a phase, before every other hook.
        """
        return self

    def start(self, arch, graph):
        """Called once a phase, before the first step: set weights of the graph, set `trainable`. Returns nothing."""

    def graph(self, arch, graph):
        """The graph to train, with the same keys in and out. Also called, without `start`, when a run is loaded."""
        return graph

    def strip(self, arch, graph):
        """The graph to keep and export, called after the last step. Undoes what `graph` did for training only."""
        return graph

    def records(self, split, arch):
        """The training split -> the `Split` to train on: which records come how often. Its `size` sets the steps."""
        return split

    def order(self, split, batch_size, seed):
        """A function, step counted from 0 -> the numbers of the records that make its batch, integers [batch_size], in
        place of the shuffle; None: shuffled. One technique of a phase may have it.

        split: what `records` made of the training split; a record's number is its place in it. batch_size: of a step of
        all replicas; each gets a part of it. The function is pure: of the same step it gives the same numbers, in every
        worker, after a restart and whichever step was asked for before. Random draws are of (seed, step).
        """

    # how many examples `example` makes of one; one technique of a phase may make several
    views: typing.ClassVar[int] = 1

    def example(self, inputs, targets, seed):
        """An augmented example (prepared inputs, targets), without batch axis -> `views` of them, stacked, which stand
        one after the other in the batch. Called where `views` is above 1, within tf.data. seed: int32 [2].
        """
        return inputs, targets

    def batch(self, inputs, targets, seed):
        """A batch of (prepared inputs, targets), dicts of tensors [B, ...] -> another such pair, within tf.data. seed:
        int32 [2], for TensorFlow's stateless random functions, another one for each batch.
        """
        return inputs, targets

    def objective(self, loss, arch):
        """`loss(targets, raw) -> {name of a term: float32 [B]}` -> another such function. loss: `arch.loss`, or what
        the techniques before made of it. Targets and raw are dicts of tensors [B, ...].
        """
        return loss

    def observer(self, arch, graph):
        """Called once, within the strategy's scope: a function that every step runs on the device before the graph;
        None: nothing to see. (graph inputs, targets) -> targets, to add what `objective` looks at (a teacher's answer);
        or -> (inputs, targets), to change what the graph sees (an adversary's images). Those of several techniques
        follow one another. Each replica sees its own part of the batch. One that has variables is a `tf.Module` that
        can be called: backups hold them, and `learner.observers` gives it to the technique's callbacks. One that is a
        `learner.SeesAnswers` is shown what the graph answers, too.
        """

    def around_step(self, arch, graph):
        """A function (compute, variables) -> (values, gradients) that takes the place of a step's `compute() ->
        (values, gradients)`, which it may call several times; None: the gradients as they are. Called once. One
        technique of a phase may have it. Gradients are of the loss divided by the number of replicas, to be summed over
        them.
        """

    def optimizer(self, optimizer):
        """The phase's Keras optimizer -> the one that updates the weights."""
        return optimizer

    def updates(self, batches):
        """How many updates of the weights so many batches make: what the optimizer's schedule counts."""
        return batches

    def probe(self, arch, graph):
        """Called once: a function (batches) -> {name: float} that measures the graph after every epoch, and once of the
        weights that are kept; None: nothing. What it gives is logged and recorded as `validation/NAME`, where there is
        a validation split.

        batches: name of a split, also "train" -> its (prepared inputs, geometry, ground truth), in order and without
        augmentation, all that the source has of it: nearest neighbors and linear probes learn from the training split.
        graph: as it is trained, and then as `strip` leaves it.
        """

    def watch(self, arch, graph, views):
        """Called once: a Keras callback that sees each epoch after it has been evaluated and before its weights may be
        kept, and may add to its logs; None: nothing. Where there is a validation split.

        graph: as it is trained, on this process alone: after an epoch it has the weights. views: a function that gives
        batches of (graph inputs, targets) of the validation split, augmented as in training, the same each time.
        """

    def first_epoch_to_keep(self, epochs):
        """The first of a phase's epochs, counted from 0, whose weights may be kept as the best ones. epochs: how many
        the phase has.
        """
        return 0

    def learning_rates(self, arch, graph):
        """{name of a layer: factor of its learning rate}; layers that are not named have 1. A factor is a number, or a
        function without arguments that gives a float32 scalar in each step, once `observer` has seen it.
        """
        return {}

    def callbacks(self):
        """The Keras callbacks of the phase, a tuple."""
        return ()
