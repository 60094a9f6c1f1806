"""Numbers from a picture, a text and numbers, such as a price; intervals by quantiles (Koenker and Bassett 1978,
doi:10.2307/1913643).
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.tasks._regressing import Objective, Regressing
from kerasvision.tasks.multi_modal.task import MultiModal
from kerasvision.tasks.number_intervals import NumberInterval


@architectures.register("multi_modal/regressor")
@dataclasses.dataclass(frozen=True)
class MultiModalRegressor(MultiModal, Regressing):
    """Raw and fields as those of `regression/regressor`, and `MultiModal`'s: center and scale are of what is predicted,
    number_center and number_scale of what goes in.
    """

    num_outputs: int = 0
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    objective: Objective = "huber"
    levels: tuple[float, ...] = (0.05, 0.5, 0.95)
    interval: NumberInterval = NumberInterval()

    name: typing.ClassVar[str] = "multi_modal_regression"

    def __post_init__(self):
        super().__post_init__()
        if self.settles:
            raise UsageError(
                f"{self.fusion.registered_name} adds log-odds, and numbers have none; take fusions/early, gated, "
                "attention or film"
            )

    def for_data(self, split):
        """With what both parts take from a training split: what goes in, and the standardization of what comes out."""
        return Regressing.for_data(MultiModal.for_data(self, split), split)

    def build(self):
        inputs = self.graph_inputs()
        return keras.Model(inputs, self.raw_of(self.dense(inputs)), name=self.name)
