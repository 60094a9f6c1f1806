"""Intervals that hold a number with a promised chance, as a part of the graph that is exported.

Of a model with quantiles its lowest and highest one, moved by one margin ("Conformalized Quantile Regression", Romano,
Patterson, Candes 2019, arXiv:1905.03222); of one with deviations the value and so many of them to either side, and of
all others so far to either side that the errors of held-out examples say ("Distribution-Free Predictive Inference for
Regression", Lei et al. 2018, arXiv:1604.04173, sections 2.2 and 5.2).
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import plain
from kerasvision.ops import conformal
from kerasvision.tasks._promise import Promise


@plain("number_interval")
@dataclasses.dataclass(frozen=True)
class NumberInterval(Promise):
    """coverage: the promised chance that a number is in its interval; 0: there are no intervals. margins: one a number,
    in standard deviations of the targets, or in predicted deviations; empty until they are fitted, on `examples`
    examples. Below 0 they make an interval of quantiles narrower.
    """

    field: typing.ClassVar[str] = "interval"
    why_not_1: typing.ClassVar[str] = "only an interval without ends has a promise of 1"
    nothing: typing.ClassVar[str] = "no intervals"
    counted: typing.ClassVar[str] = "examples"

    margins: tuple[float, ...] = ()
    examples: int = 0

    @property
    def fitted_to(self):
        return self.margins

    def fitted(self, prediction, targets, scale):
        """With margins for these examples. prediction: numpy, stacked; targets: [N, outputs]; scale: [outputs]."""
        self.require(len(targets))
        low, high, unit = (part.numpy() for part in _ends(prediction, scale))
        scores = np.maximum(low - targets, targets - high) / unit
        margins = tuple(conformal.threshold(column, self.coverage) for column in scores.T)
        return dataclasses.replace(self, margins=margins, examples=len(targets))

    def ends(self, prediction, scale):
        """float32 [B, outputs, 2], the lower and the upper end. An interval that would end before it begins is its
        middle. TensorFlow.
        """
        low, high, unit = _ends(prediction, scale)
        reach, middle = tf.constant(self.margins, tf.float32) * unit, 0.5 * (low + high)
        return tf.stack([tf.minimum(low - reach, middle), tf.maximum(high + reach, middle)], -1)

    def promise(self):
        """What is promised, JSON; {} where nothing is. `between`: see `ClassSets.promise`."""
        if not self.is_fitted:
            return {}
        held = {"kind": "interval", "coverage": self.coverage, "of": "each number"}
        held |= {"thresholds": list(self.margins), "examples": self.examples}
        return held | {"between": list(conformal.spread(self.examples, self.coverage))}


def _ends(prediction, scale):
    """(low, high, unit of the margin), each [B, outputs], of a prediction without margins."""
    scale = tf.constant(scale, tf.float32)
    if "quantiles" in prediction:
        quantiles = tf.convert_to_tensor(prediction["quantiles"])
        return quantiles[..., 0], quantiles[..., -1], scale * tf.ones_like(quantiles[..., 0])
    values = tf.convert_to_tensor(prediction["values"])
    unit = prediction.get("deviation", scale * tf.ones_like(values))
    return values, values, tf.convert_to_tensor(unit)
