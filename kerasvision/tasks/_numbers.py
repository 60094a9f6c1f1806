"""Numbers of an example, whatever goes in: `targets` float32 [N], `values` float32 [B, N], in the targets' own unit."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.values import ValuesShowing
from kerasvision.metrics.regression import Numbers
from kerasvision.tasks.base import Architecture, Output
from kerasvision.tasks.targets import Target, Targets, index_of

FLIP = 0.1  # of a standard deviation of the targets: a change of a value that counts as another answer


@dataclasses.dataclass(frozen=True, eq=False)
class NumberTarget(Target):
    """One number of an answer, in its own unit. arch: a `NumbersModel`."""

    arch: typing.Any
    index: int
    text: str = ""

    def score(self, found):
        return self.arch.decode(found, {})["values"][:, self.index]


@dataclasses.dataclass(frozen=True)
class NumberTargets(Targets):
    """arch: a `NumbersModel` with `answered` and `raw_of_answer`, as `Regressing` has them."""

    arch: typing.Any

    flags: typing.ClassVar[dict[str, str]] = {"label": "a number by its name (default: the first two)"}

    @property
    def answered(self):
        """Those of an answer that its raw outputs follow from."""
        return self.arch.answered

    def raw_of(self, answer):
        return self.arch.raw_of_answer(super().raw_of(answer))

    def chosen(self, raw, geometry, classes, asked):
        values = self.arch.decode(raw, {})["values"][0].numpy()
        indices = [index_of(label, classes) for label in asked.label] or range(min(2, len(values)))
        return [NumberTarget(self.arch, i, f"{classes[i]} {values[i]:.4g}") for i in indices]


class NumbersModel(Architecture):
    """Abstract. The graph works on standardized targets (t - center) / scale; `decode` undoes that in every export.
    Concrete ones have these fields.

    num_outputs: N; 0 takes the number from the data, whose class names are the names of the outputs. center, scale: one
    an output; empty takes mean and standard deviation of the training split. low, high: both or none; with them values
    are low + (high - low) sigmoid(raw), never outside, and center and scale follow from them.
    """

    num_outputs: int
    center: tuple[float, ...]
    scale: tuple[float, ...]
    low: float | None
    high: float | None

    label_keys: typing.ClassVar[tuple[str, ...]] = ("targets",)
    main_metric: typing.ClassVar[str] = "r2"
    showing: typing.ClassVar[Showing] = ValuesShowing()

    def __post_init__(self):
        super().__post_init__()
        if (self.low is None) != (self.high is None) or (self.bounded and not self.low < self.high):
            raise UsageError(f"model.low={self.low}, model.high={self.high}; allowed: low below high, or neither")
        if self.bounded and (self.center or self.scale):
            raise UsageError("model.center and model.scale follow from low and high; give the one or the other")
        if len(self.center) != len(self.scale) or any(s <= 0 for s in self.scale):
            raise UsageError(
                f"model.center={self.center}, model.scale={self.scale}; allowed: one of each an output, scales above "
                "0, or none to take them from the training data"
            )

    @property
    def bounded(self):
        """Whether values lie between `low` and `high`."""
        return self.low is not None

    @property
    def standard(self):
        """(center, scale), float32 [N] each."""
        if self.bounded:
            center, scale = (self.low,) * self.num_outputs, (self.high - self.low,) * self.num_outputs
        else:
            center = self.center or (0.0,) * self.num_outputs
            scale = self.scale or (1.0,) * self.num_outputs
        return np.float32(center), np.float32(scale)

    def for_classes(self, classes):
        if self.num_outputs not in (0, len(classes)):
            raise KerasVisionError(
                f"the data has {len(classes)} targets and the model {self.num_outputs} outputs; set "
                f"model.num_outputs={len(classes)}, or 0 to take the number from the data"
            )
        if self.scale and len(self.scale) != len(classes):
            raise KerasVisionError(
                f"the data has {len(classes)} targets and model.scale {len(self.scale)} values; give one each, or none"
            )
        return dataclasses.replace(self, num_outputs=len(classes))

    def for_data(self, split):
        """With the standardization of a training split; targets that are not finite or out of bounds are an error."""
        read = split.records.map(lambda record: tf.convert_to_tensor(split.read(record)["targets"]))
        targets = np.stack(list(read.as_numpy_iterator())).astype(np.float64)
        if not np.isfinite(targets).all():
            raise KerasVisionError("the training data has targets that are not finite; mend or remove them")
        if self.bounded:
            outside = int(((targets < self.low) | (targets > self.high)).any(1).sum())
            if outside:
                raise KerasVisionError(
                    f"{outside} of {len(targets)} training examples have targets outside {self.low:g} to {self.high:g} "
                    f"(seen: {targets.min():g} to {targets.max():g}); widen model.low and model.high"
                )
            return self
        if self.scale:
            return self
        spread = targets.std(0)  # an output that never varies keeps its unit
        scale = np.where(spread > 0, spread, 1.0)
        return dataclasses.replace(
            self, center=tuple(float(m) for m in targets.mean(0)), scale=tuple(float(s) for s in scale)
        )

    @property
    def outputs(self):
        return {"values": Output("float32", "unit of the targets", (self.num_outputs,))}

    def evaluator(self, classes):
        return Numbers(classes)

    def targets(self):
        return NumberTargets(self)

    def standardized(self, sample):
        """float32 [N] of a sample's targets."""
        center, scale = self.standard
        return (tf.ensure_shape(sample["targets"], [self.num_outputs]) - center) / scale

    def compare(self, reference, other):
        """In standard deviations of the targets; a value that moves by a tenth of one is another answer."""
        scale = self.standard[1]
        error = np.abs(reference["values"] - other["values"]) / scale
        return error.max(1), (error > FLIP).any(1)

    def magnitude(self, prediction):
        return (np.abs(prediction["values"]) / self.standard[1]).max(1)

    def describe(self, prediction, classes):
        return {key: named(value, classes) for key, value in prediction.items()}


def named(values, names):
    """{name: number}; seven digits are what a float32 has."""
    return {name: float(f"{float(v):.7g}") for name, v in zip(names, values, strict=True)}
