"""Targets of what gives every position a class: how much a region speaks for one, in the plane and in volumes.

The mean of a class's logit over a region is what "Towards Interpretable Semantic Segmentation via Gradient-weighted
Class Activation Mapping" (Vinogradova, Dibrov, Myers 2020, arXiv:2002.11434, equation 2) explains, as a sum.
"""

import dataclasses
import functools
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops.dense import center_begin
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
        "at": "look at one pixel x y of the input, or voxel x y z, from 0 (default class: what is predicted there)",
    }

    def chosen(self, raw, geometry, classes, asked):
        predicted = tf.argmax(raw["logits"][0], -1).numpy()
        if asked.at:
            return [self._single(asked, predicted, geometry, classes)]
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

    def _single(self, asked, predicted, geometry, classes):
        """The target of one position."""
        if asked.region:
            raise UsageError("--at and --region both say where to look; give one of them")
        if len(asked.label) > 1:
            raise UsageError(f"--at looks at one class; seen: --label {' '.join(asked.label)}")
        place = position_of(asked.at[::-1], predicted.shape, geometry, self.arch.in_windows)
        index = index_of(asked.label[0], classes) if asked.label else int(predicted[place])
        region = np.zeros(predicted.shape, bool)
        region[place] = True
        return RegionTarget(index, region, f"{classes[index]} at {', '.join(map(str, asked.at))}")

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


def position_of(index, size, geometry, in_windows):
    """The position of a graph's input, a tuple of ints, that shows a pixel (y, x) or voxel (z, y, x) of the original.

    size: of the graph's input. geometry: of one example, with a batch axis of 1. in_windows: whether the input keeps
    its size, so that the graph sees the center of it. Raises UsageError where the graph does not look.
    """
    if len(index) != len(size):
        raise UsageError(f"--at {_axes(index)}: this model takes {len(size)} numbers, {' '.join('xyz'[: len(size)])}")
    held = {key: value[0].numpy() for key, value in geometry.items()}
    sides = held["image_hw"] if "image_hw" in held else held["volume_dhw"]
    if any(not 0 <= i < side for i, side in zip(index, sides, strict=True)):
        allowed = ", ".join(f"{name} 0 to {side - 1}" for name, side in zip("xyz", sides[::-1], strict=False))
        raise UsageError(f"--at {_axes(index)} lies outside; allowed: {allowed}")
    center = np.asarray(index, float) + 0.5
    if "fitted_dhw" in held:
        fitted = held["fitted_dhw"]
        center = center * fitted / sides
    else:
        fitted = sides
        center = center * held["scale_xy"][::-1] + held["offset_xy"][::-1]
    begin = center_begin(fitted, np.array(size)) if in_windows else 0
    place = tuple(int(i) for i in np.floor(center - begin))
    if any(not 0 <= i < side for i, side in zip(place, size, strict=True)):
        raise UsageError(
            f"--at {_axes(index)} lies outside of the center, as large as the graph's input, that is explained"
        )
    return place


def _axes(index):
    """As it was typed: x first."""
    return " ".join(map(str, index[::-1]))
