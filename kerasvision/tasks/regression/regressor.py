"""Numbers from an image: a backbone, a pooling, dropout and one dense layer."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures, backbones
from kerasvision.layers.pooling import pool
from kerasvision.losses import regression as losses
from kerasvision.metrics.regression import Numbers
from kerasvision.ops.internals import called_with
from kerasvision.tasks.base import Output
from kerasvision.tasks.image import Resample, Resize
from kerasvision.tasks.regression.task import Regression

_PLAIN = {"mse": losses.squared, "huber": losses.huber, "log_cosh": losses.log_cosh}
_NEARLY = 1e-6  # to the ends of a bounded range, where the oracle's raw would be infinite


@architectures.register("regression/regressor")
@dataclasses.dataclass(frozen=True)
class Regressor(Regression):
    """Raw is `{"values": [B, N]}`, of standardized targets. objective: what is minimized there.

    mse, huber, log_cosh: see `losses/regression.py`. quantile: raw is [B, N, Q], a quantile for each of `levels`, which
    hold 0.5, the value; `quantiles` float32 [B, N, Q] is sorted, so that levels never cross (Chernozhukov,
    Fernandez-Val, Galichon 2010, doi:10.3982/ECTA7880). heteroscedastic: raw has `log_variance` too, and predictions
    `deviation` float32 [B, N], the standard deviation that the network sees in the data at this image.
    """

    objective: typing.Literal["mse", "huber", "log_cosh", "quantile", "heteroscedastic"] = "huber"
    levels: tuple[float, ...] = (0.05, 0.5, 0.95)
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)
    pooling: typing.Literal["average", "max", "gem", "spatial_pyramid"] = "average"
    dropout: float = 0.0

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

    def build(self):
        if self.num_outputs < 1:
            raise KerasVisionError("regression/regressor has num_outputs=0; set it, or let the data decide by training")
        image = keras.Input((*self.image_size, 3), name="image")
        x = pool(list(self.backbone(image).values())[-1], self.pooling, name="pool")
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        if self.objective == "quantile":
            shape = (self.num_outputs, len(self.levels))
            flat = keras.layers.Dense(self.num_outputs * len(self.levels), name="flat_values")(x)
            raw = {"values": keras.layers.Reshape(shape, name="values")(flat)}
        else:
            raw = {"values": keras.layers.Dense(self.num_outputs, name="values")(x)}
        if self.objective == "heteroscedastic":
            raw["log_variance"] = keras.layers.Dense(self.num_outputs, name="log_variance")(x)
        return keras.Model({"image": image}, raw, name=self.name)

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
