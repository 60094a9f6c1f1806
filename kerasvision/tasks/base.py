"""The contract of every architecture: inputs become a graph's, labels become targets, raw becomes a prediction.

sample -> augment -> geometry -> normalize -> graph = raw;   sample -> encode = targets;   decode(raw) = prediction.
Training, the SavedModel and every other export call the same `geometry`, `normalize` and `decode`.
"""

import abc
import typing

import numpy as np

from kerasvision.core.component import Component
from kerasvision.core.direction import direction_of
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.tasks.answering import Answering, Output
from kerasvision.tasks.functions import Function, Resource
from kerasvision.tasks.inputs import Input
from kerasvision.tasks.learning import AVERAGED, QUEUED, Learning, Mix
from kerasvision.tasks.preprocessing import PREPROCESS, Preprocessing

__all__ = ["AVERAGED", "PREPROCESS", "QUEUED", "Architecture", "Function", "Input", "Mix", "Output", "Resource", "Task"]


class Task(Component):
    """What goes in, what comes out and how it is judged. One abstract subclass a family."""

    name: typing.ClassVar[str]  # "classification"
    label_keys: typing.ClassVar[tuple[str, ...]]  # keys of a sample that hold the truth, such as ("label",)
    # key of the evaluator's result that picks the best epoch where the recipe names none, as it says: max or min
    main_metric: typing.ClassVar[str]
    tunes: typing.ClassVar[bool] = False  # whether `tune` looks at the validation split

    @property
    @abc.abstractmethod
    def outputs(self) -> dict[str, Output]:
        """Prediction key -> what it holds."""

    @abc.abstractmethod
    def evaluator(self, classes):
        """A fresh `metrics.base.Evaluator`. classes: tuple of names."""

    def main_direction(self, classes):
        """Which way the main metric is better, "max" or "min": whoever chooses by it asks here."""
        direction = direction_of(self.evaluator(classes).directions, self.main_metric)
        if direction not in ("max", "min"):
            raise KerasVisionError(
                f"{self.registered_name} is chosen by {self.main_metric!r}, whose direction is {direction!r}; its "
                'evaluator has to state "max" or "min" in `directions`'
            )
        return direction

    def chosen_by(self, metric, classes):
        """(name, `core.direction.Direction`) of the figure that picks the best epoch, phase, trial, file and version.

        metric: as of a recipe, a figure of the evaluator, or "" for the main one. Raises UsageError of one that the
        evaluator does not have, of a class that there is not, and of one of which neither more nor less is better.
        """
        if not metric:
            return self.main_metric, self.main_direction(classes)
        stated = self.evaluator(classes).directions
        direction, (_, slash, of) = direction_of(stated, metric), metric.partition("/")
        if direction is None:
            raise UsageError(
                f"metric={metric!r}: {self.registered_name} has no such figure; {close_matches(metric, stated)}"
            )
        if slash and of not in classes:
            raise UsageError(f"metric={metric!r}: no class {of!r}; {close_matches(of, classes)}")
        if direction == "none":
            chooses = [name for name, d in stated.items() if d != "none"]
            raise UsageError(
                f"metric={metric!r}: neither more nor less of it is better, so nothing can be chosen by it; "
                f"{close_matches(metric, chooses)}"
            )
        return metric, direction

    @abc.abstractmethod
    def compare(self, reference, other):
        """How far two batches of predictions are apart, dicts of numpy arrays with equal keys.

        Returns (error float [B], flip bool [B]): the largest absolute difference of the scores of each example, and
        whether its decision differs.
        """

    def magnitude(self, prediction):
        """float [B]: the largest score of each example, in the unit of `compare`'s errors: what a relative error is
        relative to. Of most the largest probability, and where the outputs have none, their largest number that is not
        whole.
        """
        held = {k: prediction[k] for k in self.outputs if k in prediction}
        scores = [v for k, v in held.items() if self.outputs[k].unit == "probability"]
        scores = scores or [v for v in held.values() if np.issubdtype(v.dtype, np.floating)]
        size = len(next(iter(held.values())))
        return np.max([np.zeros(size), *(np.abs(v).reshape(size, -1).max(1, initial=0.0) for v in scores)], 0)

    def describe(self, prediction, classes):
        """The JSON of one example's prediction (numpy, no batch axis), for `predict --json`."""
        return {k: v.tolist() for k, v in prediction.items()}


class Architecture(Preprocessing, Learning, Answering, Task):
    """Abstract. Concrete ones are final frozen dataclasses; their fields are their hyper-parameters."""

    kind = "architectures"
    # fields that do not shape the graph, but the prediction: they may be changed after training
    after_training: typing.ClassVar[tuple[str, ...]] = ()
    # of these, by which the graph itself works: a file has them inside, and no other value of them can be asked of it
    inside_files: typing.ClassVar[tuple[str, ...]] = ()
    # fields from which `train.calibrate` fits what answers promise, when training has ended and whenever it is asked to
    calibrates: typing.ClassVar[tuple[str, ...]] = ()
