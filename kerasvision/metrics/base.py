"""The contract of every evaluator."""

import abc
import typing

import numpy as np

from kerasvision.core.direction import Direction


def chosen(batches, examples):
    """Batches of arrays as one array along the batch axis, of the examples that count: all where that is None."""
    whole = np.concatenate(batches)
    return whole if examples is None else whole[examples]


class Evaluator(abc.ABC):
    """Takes predictions batch by batch, on the host."""

    draws: typing.ClassVar[bool] = False  # whether `draw` writes pictures

    @property
    @abc.abstractmethod
    def directions(self) -> dict[str, Direction]:
        """Name of each figure that `result` may give -> "max", "min", `core.direction.Target(value)` (the nearer, the
        better) or "none" (neither). Figures of single classes, NAME/CLASS, and the ends of intervals, NAME_low and
        NAME_high, go with NAME. What picks the best epoch, recipe, trial or version looks here, not at names.
        """

    @abc.abstractmethod
    def update(self, prediction, ground_truth):
        """prediction, ground_truth: dicts of numpy arrays with a batch axis."""

    @abc.abstractmethod
    def result(self, examples=None):
        """name -> float. examples: indices of those that count, in the order of the updates; all unless given."""

    def figure(self, name, examples):
        """One figure of `result(examples)`, None where it is undefined; overridden where the other figures are dear."""
        return self.result(examples).get(name)

    def draw(self, folder, images):
        """Write pictures of what was seen into an existing folder; returns their paths. Most have none.

        images: function of example numbers, counted over the updates, that gives a dict number -> uint8 [H, W, 3].
        """
        return []
