"""Numbers from a text, such as people's score of it; intervals by quantiles (Koenker and Bassett 1978,
doi:10.2307/1913643).
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.ops.internals import called_with
from kerasvision.tasks._regressing import Objective, Regressing
from kerasvision.tasks.number_intervals import NumberInterval
from kerasvision.tasks.text import TextModel


@architectures.register("text_regression/regressor")
@dataclasses.dataclass(frozen=True)
class TextRegressor(Regressing, TextModel):
    """Raw and fields as those of `regression/regressor`, and `TextModel`'s; objective="quantile" gives an interval."""

    num_outputs: int = 0
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    objective: Objective = "huber"
    levels: tuple[float, ...] = (0.05, 0.5, 0.95)
    interval: NumberInterval = NumberInterval()

    name: typing.ClassVar[str] = "text_regression"

    def for_data(self, split):
        """With what both parts take from a training split: the words, and the standardization of the numbers."""
        return Regressing.for_data(TextModel.for_data(self, split), split)

    def build(self):
        inputs = self.graph_inputs()
        vector = self.encoded(inputs)
        raw = self.raw_of(lambda units, name: self.units(inputs, vector, units, name))
        return keras.Model(inputs, raw, name=self.name)

    def embedding(self, graph):
        """The encoder's vector."""
        made = graph.output["values"]
        return self.vector_of(called_with(made)[0] if self.objective == "quantile" else made)

    def targets(self):
        return TextModel.targets(self)
