"""Numbers of an example, whatever goes in: `targets` float32 [N], `values` float32 [B, N], in the targets' own unit."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.values import ValuesShowing
from kerasvision.losses import regression as losses
from kerasvision.metrics.regression import Numbers
from kerasvision.ops.internals import called_with
from kerasvision.tasks.base import Architecture, Output
from kerasvision.tasks.targets import Target, Targets, index_of

Objective = typing.Literal["mse", "huber", "log_cosh", "quantile", "heteroscedastic"]
_PLAIN = {"mse": losses.squared, "huber": losses.huber, "log_cosh": losses.log_cosh}
_NEARLY = 1e-6  # to the ends of a bounded range, where the oracle's raw would be infinite
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
    """arch: a `NumbersModel`."""

    arch: typing.Any

    flags: typing.ClassVar[dict[str, str]] = {"label": "a number by its name (default: the first two)"}

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
        return {key: _named(value, classes) for key, value in prediction.items()}


class Regressing(NumbersModel):
    """Abstract. Raw is `{"values": [B, N]}`, of standardized targets. objective: what is minimized there.

    mse, huber, log_cosh: see `losses/regression.py`. quantile: raw is [B, N, Q], a quantile for each of `levels`, which
    hold 0.5, the value; `quantiles` float32 [B, N, Q] is sorted, so that levels never cross (Chernozhukov,
    Fernandez-Val, Galichon 2010, doi:10.3982/ECTA7880). heteroscedastic: raw has `log_variance` too, and predictions
    `deviation` float32 [B, N], the standard deviation that the network sees in the data at this image.
    """

    objective: Objective
    levels: tuple[float, ...]

    def __post_init__(self):
        super().__post_init__()
        rising = all(a < b for a, b in zip((0.0, *self.levels), (*self.levels, 1.0), strict=True))
        if not rising or 0.5 not in self.levels:
            raise UsageError(f"model.levels={self.levels}; allowed: rising, between 0 and 1, with 0.5 among them")
        if self.bounded and self.objective == "heteroscedastic":
            raise UsageError("objective='heteroscedastic' has no bounded range; leave low and high out")

    @property
    def outputs(self):
        given, unit = super().outputs, "unit of the targets"
        if self.objective == "quantile":
            given["quantiles"] = Output("float32", unit, (self.num_outputs, len(self.levels)))
        if self.objective == "heteroscedastic":
            given["deviation"] = Output("float32", unit, (self.num_outputs,))
        return given

    @property
    def mixes(self):
        return dict.fromkeys(
            ("values", "log_variance") if self.objective == "heteroscedastic" else ("values",), "numbers"
        )

    def evaluator(self, classes):
        return Numbers(classes, self.levels)

    def raw_of(self, dense):
        """The graph's outputs. dense: (units, name) -> a Keras tensor [B, units]."""
        if self.num_outputs < 1:
            raise KerasVisionError(
                f"{self.registered_name} has num_outputs=0; set it, or let the data decide by training"
            )
        if self.objective == "quantile":
            flat = dense(self.num_outputs * len(self.levels), "flat_values")
            return {"values": keras.layers.Reshape((self.num_outputs, len(self.levels)), name="values")(flat)}
        raw = {"values": dense(self.num_outputs, "values")}
        if self.objective == "heteroscedastic":
            raw["log_variance"] = dense(self.num_outputs, "log_variance")
        return raw

    def embedding(self, graph):
        """What the dense layer of the values looks at."""
        (vector,) = called_with(graph.output["values"])
        if self.objective == "quantile":  # a row for each number, made of one vector
            (vector,) = called_with(vector)
        return vector

    def encode(self, sample):
        targets = self.standardized(sample)
        if self.objective == "quantile":
            return {"values": tf.tile(targets[:, None], [1, len(self.levels)])}
        if self.objective == "heteroscedastic":
            return {"values": targets, "log_variance": tf.zeros_like(targets)}
        return {"values": targets}

    def loss(self, targets, raw):
        values = self._linked(raw["values"])
        if self.objective == "quantile":
            return {"pinball": losses.pinball(targets["values"][..., 0], values, self.levels)}
        if self.objective == "heteroscedastic":
            return {"heteroscedastic": losses.heteroscedastic(targets["values"], values, raw["log_variance"])}
        return {self.objective: _PLAIN[self.objective](targets["values"], values)}

    def decode(self, raw, geometry):
        center, scale = self.standard
        values = self._linked(raw["values"])
        if self.objective == "quantile":
            quantiles = center[:, None] + scale[:, None] * tf.sort(values, -1)
            return {"values": quantiles[..., self.levels.index(0.5)], "quantiles": quantiles}
        prediction = {"values": center + scale * values}
        if self.objective == "heteroscedastic":
            prediction["deviation"] = scale * tf.exp(0.5 * raw["log_variance"])
        return prediction

    def ideal_raw(self, targets):
        if not self.bounded:
            return targets
        share = tf.clip_by_value(targets["values"], _NEARLY, 1.0 - _NEARLY)
        return targets | {"values": tf.math.log(share) - tf.math.log1p(-share)}

    def compare(self, reference, other):
        error, flip = super().compare(reference, other)
        if self.objective == "quantile":
            apart = np.abs(reference["quantiles"] - other["quantiles"]) / self.standard[1][:, None]
            error = np.maximum(error, apart.max((1, 2)))
        if self.objective == "heteroscedastic":  # half the difference of the graph's own answer
            error = np.maximum(error, np.abs(np.log(reference["deviation"] / other["deviation"])).max(1))
        return error, flip

    def describe(self, prediction, classes):
        named = super().describe({k: v for k, v in prediction.items() if k != "quantiles"}, classes)
        if "quantiles" in prediction:
            levels = [f"{level:g}" for level in self.levels]
            held = zip(classes, prediction["quantiles"], strict=True)
            named["quantiles"] = {
                name: {level: float(f"{float(v):.7g}") for level, v in zip(levels, row, strict=True)}
                for name, row in held
            }
        return named

    def _linked(self, values):
        return tf.sigmoid(values) if self.bounded else values


def _named(values, names):
    """{name: number}; seven digits are what a float32 has."""
    return {name: float(f"{float(v):.7g}") for name, v in zip(names, values, strict=True)}
