"""What is learned of numbers, whatever goes in: objectives, quantiles, deviations, and intervals with a promise."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.losses import regression as losses
from kerasvision.metrics.regression import Numbers
from kerasvision.ops.internals import called_with
from kerasvision.tasks._numbers import NumbersModel, named
from kerasvision.tasks.base import Output
from kerasvision.tasks.number_intervals import NumberInterval

Objective = typing.Literal["mse", "huber", "log_cosh", "quantile", "heteroscedastic"]
_PLAIN = {"mse": losses.squared, "huber": losses.huber, "log_cosh": losses.log_cosh}
_NEARLY = 1e-6  # to the ends of a bounded range, where the oracle's raw would be infinite


class Regressing(NumbersModel):
    """Abstract. Raw is `{"values": [B, N]}`, of standardized targets. objective: what is minimized there.

    mse, huber, log_cosh: see `losses/regression.py`. quantile: raw is [B, N, Q], a quantile for each of `levels`, which
    hold 0.5, the value; `quantiles` float32 [B, N, Q] is sorted, so that levels never cross (Chernozhukov,
    Fernandez-Val, Galichon 2010, doi:10.3982/ECTA7880). heteroscedastic: raw has `log_variance` too, and predictions
    `deviation` float32 [B, N], the standard deviation that the network sees in the data at this image. interval:
    intervals that hold each number with a promised chance, fitted on the validation split: `interval` float32
    [B, N, 2].
    """

    objective: Objective
    levels: tuple[float, ...]
    interval: NumberInterval

    calibrates: typing.ClassVar[tuple[str, ...]] = ("interval",)

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
        if self.interval.is_fitted:
            given["interval"] = Output("float32", unit, (self.num_outputs, 2))
        return given

    @property
    def tunes(self):
        """Whether `tune` looks at the validation split."""
        return self.interval.coverage > 0

    def tune(self, predictions, ground_truths):
        return self.with_promise(predictions, ground_truths)

    def check_promise(self, examples):
        self.interval.require(examples)

    def with_promise(self, predictions, ground_truths):
        if not self.interval.coverage:
            return self
        held = self.interval.fitted(predictions, ground_truths["targets"], self.standard[1])
        return dataclasses.replace(self, interval=held)

    def promise(self):
        return self.interval.promise()

    def promised(self, prediction):
        return {"interval": self.interval.ends(prediction, self.standard[1]).numpy()}

    def kept(self, predictions, ground_truths):
        ends, targets = self.promised(predictions)["interval"], ground_truths["targets"]
        return float(((ends[..., 0] <= targets) & (targets <= ends[..., 1])).mean())

    @property
    def mixes(self):
        return dict.fromkeys(
            ("values", "log_variance") if self.objective == "heteroscedastic" else ("values",), "numbers"
        )

    def evaluator(self, classes):
        return Numbers(classes, self.levels, self.interval.coverage if self.interval.is_fitted else 0.0)

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
        prediction = self._decoded(raw)
        ends = {"interval": self.interval.ends(prediction, self.standard[1])} if self.interval.is_fitted else {}
        return prediction | ends

    def _decoded(self, raw):
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

    @property
    def answered(self):
        """The keys of an answer that all raw outputs follow from."""
        return {"quantile": ("quantiles",), "heteroscedastic": ("values", "deviation")}.get(self.objective, ("values",))

    def raw_of_answer(self, answer):
        """What `decode` makes an answer of: raw outputs by key. answer: `answered`, float32 [B, N] or [B, N, Q], in the
        unit of the targets.
        """
        center, scale = self.standard
        if self.objective == "quantile":
            return self.ideal_raw({"values": (answer["quantiles"] - center[:, None]) / scale[:, None]})
        raw = {"values": (answer["values"] - center) / scale}
        if self.objective == "heteroscedastic":
            raw["log_variance"] = 2 * tf.math.log(answer["deviation"] / scale)
        return self.ideal_raw(raw)

    def compare(self, reference, other):
        error, flip = super().compare(reference, other)
        if self.objective == "quantile":
            apart = np.abs(reference["quantiles"] - other["quantiles"]) / self.standard[1][:, None]
            error = np.maximum(error, apart.max((1, 2)))
        if self.objective == "heteroscedastic":  # half the difference of the graph's own answer
            error = np.maximum(error, np.abs(np.log(reference["deviation"] / other["deviation"])).max(1))
        return error, flip

    def describe(self, prediction, classes):
        described = super().describe(
            {k: v for k, v in prediction.items() if k not in ("quantiles", "interval")}, classes
        )
        if "interval" in prediction:
            held = prediction["interval"]
            ends = {name: list(named(pair, ("low", "high")).values()) for name, pair in zip(classes, held, strict=True)}
            described["interval"] = {"ends": ends, "coverage": self.interval.coverage, "of": "each number"}
        if "quantiles" in prediction:
            levels = [f"{level:g}" for level in self.levels]
            held = zip(classes, prediction["quantiles"], strict=True)
            described["quantiles"] = {
                name: {level: float(f"{float(v):.7g}") for level, v in zip(levels, row, strict=True)}
                for name, row in held
            }
        return described

    def _linked(self, values):
        return tf.sigmoid(values) if self.bounded else values
