"""The contract of every evaluator."""

import abc
import typing

import numpy as np

from kerasvision.core.direction import Direction
from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.resampling import numbered


def chosen(batches, examples):
    """Batches of arrays as one array along the batch axis, of the examples that count: all where that is None."""
    whole = np.concatenate(batches)
    return whole if examples is None else whole[examples]


class Evaluator(abc.ABC):
    """Takes predictions batch by batch, on the host."""

    draws: typing.ClassVar[bool] = False  # whether `draw` writes pictures
    has_cases: typing.ClassVar[bool] = False  # whether `cases` gives rows
    # name of the split, such as "train", whose predictions `see_gallery` is given before the first `update`; "": none
    gallery: typing.ClassVar[str] = ""
    split_groups: tuple = ()  # what the split says of `groups`; set by whoever evaluates it

    @property
    def groups(self):
        """The group of each example, in the order of the updates: a sequence, a person, a case, whose examples are
        alike, so that folds and intervals draw it whole; (): each is alone. Overridden where predictions or ground
        truths name it.
        """
        return self.split_groups

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

    def units(self, size):
        """int [size]: with which others each of the first `size` examples is drawn, the number of its group, counted
        from 0 as they come. A single group says nothing of others: its examples are drawn one by one.
        """
        groups = self.groups[:size]
        unit = numbered(groups) if len(set(groups)) > 1 else np.arange(size)
        if len(unit) != size:
            raise KerasVisionError(f"{type(self).__name__}: {size} examples, and groups of {len(groups)} of them")
        return unit

    def see_gallery(self, prediction, ground_truth):
        """As `update`, of the split that `gallery` names: what is searched, or learned from. It stays whole whichever
        examples `figures` is asked for, and none of its examples is counted.
        """
        raise NotImplementedError(f"{type(self).__name__} names the gallery {self.gallery!r} and takes none")

    @abc.abstractmethod
    def figures(self, examples=None):
        """name -> a function that computes the figure, a float or None where it is undefined; in the order in which
        they are to be shown. examples: indices of those that count, in the order of the updates; all unless given.
        """

    def promised_shares(self):
        """What a promise is for -> float [N], of each example the share of it that holds, NaN of one that has nothing
        of it; "" where it is for all alike, else the name of each class or number that it is for, those without any
        example too. {}: nothing is promised.
        """
        return {}

    def decisions(self):
        """What was decided of each example, [N], where that takes all of them or a gallery; (): each prediction has its
        own decision (`Task.compare`).
        """
        return ()

    def result(self, examples=None, only=()):
        """name -> float of the figures that are defined. examples: as of `figures`. only: names of those to compute,
        where a thousand resamples ask for one; all unless given.
        """
        figures = self.figures(examples)
        values = {name: figures[name]() for name in only or figures if name in figures}
        return {name: value for name, value in values.items() if value is not None}

    def cases(self):
        """Figures of each example by itself, in the order of the updates: dicts with the same keys, name -> float, or
        None where it is undefined. Most have none.
        """
        return []

    def in_words(self):
        """Lines that tell a person what is most often mistaken, the most frequent first; names as they are. Most have
        none.
        """
        return []

    def draw(self, folder, images):
        """Write pictures of what was seen into an existing folder; returns their paths. Most have none.

        images: function of example numbers, counted over the updates, that gives a dict number -> uint8 [H, W, 3], or
        what else the example is seen by, None where it has no picture.
        """
        return []
