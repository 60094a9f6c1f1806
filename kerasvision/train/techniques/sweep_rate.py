"""A learning rate that rises exponentially: the range test of Smith 2017, arXiv:1506.01186, section 3.3."""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.optim import with_rate
from kerasvision.train.techniques.base import Technique


@techniques.register("sweep_rate")
@dataclasses.dataclass(frozen=True)
class SweepRate(Technique):
    """In place of the optimizer's own rate and schedule: from `low` to `high` within `steps` updates, and on like that.

    `kerasvision tune RECIPE.py --find-rate` trains with it, looks at the losses and throws the weights away. (The paper
    rises linearly; on a logarithmic axis every decade gets the same number of steps.)
    """

    low: float = 1e-6
    high: float = 1.0
    steps: int = 200

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.low < self.high:
            raise UsageError(
                f"sweep_rate.low, sweep_rate.high: got {self.low} and {self.high}; allowed: 0 < low < high"
            )
        if self.steps < 2:
            raise UsageError(f"sweep_rate.steps: got {self.steps}; allowed: 2 or more")

    def optimizer(self, optimizer):
        if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
            return keras.mixed_precision.LossScaleOptimizer(self.optimizer(optimizer.inner_optimizer))
        if hasattr(optimizer, "with_rate"):
            return optimizer.with_rate(Sweep(self))
        return with_rate(optimizer, Sweep(self))

    def rate(self, step):
        """Of the update number `step`, from 0."""
        return self.low * (self.high / self.low) ** (step / (self.steps - 1))


class Sweep(keras.optimizers.schedules.LearningRateSchedule):
    """`SweepRate.rate` as a Keras schedule."""

    def __init__(self, how):
        self._how = how

    def __call__(self, step):
        return self._how.rate(tf.cast(step, tf.float32))

    def get_config(self):
        return dataclasses.asdict(self._how)
