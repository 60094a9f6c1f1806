"""Targets of what gives every position a class: how much a region speaks for one, in the plane and in volumes.

The mean of a class's logit over a region is what "Towards Interpretable Semantic Segmentation via Gradient-weighted
Class Activation Mapping" (Vinogradova, Dibrov, Myers 2020, arXiv:2002.11434, equation 2) explains, as a sum.
"""

import dataclasses
import functools
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.tasks.targets import Target, Targets, index_of

MOST = 2  # classes where nobody asks for one


@dataclasses.dataclass(frozen=True, eq=False)
class RegionTarget(Target):
    """The mean logit or probability of a class within a region, bool of the graph's positions, one of them at least."""

    index: int
    region: typing.Any
    text: str = ""
    of: typing.Literal["logit", "probability"] = "logit"

    def __post_init__(self):
        if not np.any(self.region):
            raise KerasVisionError("a region without a position has no mean logit; give a mask with some of it")

    def score(self, found):
        values = found["logits"] if self.of == "logit" else tf.nn.softmax(found["logits"])
        within = tf.constant(self.region, tf.float32)
        summed = tf.reduce_sum(values[..., self.index] * within, tuple(range(1, values.shape.rank - 1)))
        return summed / tf.reduce_sum(within)

    def likely(self):
        return dataclasses.replace(self, of="probability")


@dataclasses.dataclass(frozen=True)
class RegionTargets(Targets):
    """arch: a `tasks._dense.Dense` that has `last_level` (graph -> Keras tensor)."""

    arch: typing.Any

    flags: typing.ClassVar[dict[str, str]] = {
        "label": "the mean logit of a class where it is predicted (default: the two largest)",
        "region": "look there where this class is predicted",
    }

    def chosen(self, raw, geometry, classes, asked):
        predicted = tf.argmax(raw["logits"][0], -1).numpy()
        inside = within_original(geometry, predicted.shape)
        shares = np.bincount(predicted[inside], minlength=len(classes)) / inside.sum()
        at = index_of(asked.region, classes) if asked.region else None
        labels = [index_of(label, classes) for label in asked.label]
        for index in [at] if asked.region else labels:
            if not shares[index]:
                there = ", ".join(f"{classes[i]} {shares[i]:.1%}" for i in np.argsort(-shares) if shares[i])
                raise KerasVisionError(f"{classes[index]} is predicted nowhere in this input; there are: {there}")
        found = []
        for index in labels or ([at] if asked.region else _largest(shares, classes)):
            where = index if at is None else at
            text = f"{classes[index]}, {shares[index]:.1%}" if where == index else f"{classes[index]} in {asked.region}"
            found.append(RegionTarget(index, (predicted == where) & inside, text))
        return found

    def feature_maps(self, graph):
        return [self.arch.last_level(graph)]


def _largest(shares, classes):
    """Indices of the classes with the largest shares; the background only where there is nothing else."""
    there = [int(i) for i in np.argsort(-shares, kind="stable") if shares[i]]
    return [i for i in there if classes[i] != "background"][:MOST] or there[:MOST]


def within_original(geometry, size):
    """bool [*size]: the positions of a graph's input that show the original, and not what it was padded with.

    geometry: of one example, with a batch axis of 1.
    """
    low, high = np.zeros(len(size)), np.array(size, float)
    if "scale_xy" in geometry:
        scale, low = (geometry[key][0].numpy()[::-1] for key in ("scale_xy", "offset_xy"))
        high = low + geometry["image_hw"][0].numpy() * scale
    if "fitted_dhw" in geometry:
        high = geometry["fitted_dhw"][0].numpy()
    axes = [(np.arange(n) + 0.5 > a) & (np.arange(n) + 0.5 < b) for n, a, b in zip(size, low, high, strict=True)]
    return functools.reduce(np.logical_and, np.meshgrid(*axes, indexing="ij", sparse=True))
